import platform


def lambda_handler(event, context):
    print(f"handling request {context.aws_request_id}")
    return {"hello": event.get("name", "world"), "from": f"Python {platform.python_version()} on {platform.machine()}"}
