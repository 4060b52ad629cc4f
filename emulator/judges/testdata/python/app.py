"""A function for AWS's client for Python."""


def handler(event, context):
    print("in the handler")
    if event.get("fail"):
        raise ValueError("on request")
    return {
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
    }
