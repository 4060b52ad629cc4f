import six


def handler(event, context):
    return {"version": six.__version__}
