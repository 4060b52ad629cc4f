"""A handler in a package of the function, which imports its neighbours."""

from app import prices


def handler(event, context):
    if event.get("do") == "fail":
        raise prices.UnknownArticleError(event["article"])
    return {"total": prices.total(event["articles"])}
