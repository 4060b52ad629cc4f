"""A function for AWS's client for Python."""

import os
import time

if "JUDGE_FAILS_TO_START" in os.environ:
    raise RuntimeError("on request")


def handler(event, context):
    print("in the handler")
    time.sleep(event.get("sleep", 0) / 1000)
    if "exit" in event:
        os._exit(event["exit"])
    if event.get("fail"):
        raise ValueError("on request")
    client = context.client_context
    return {
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "name": context.function_name,
        "left": context.get_remaining_time_in_millis(),
        "custom": client and client.custom,
        "process": os.getppid() if "AWS_LAMBDA_MAX_CONCURRENCY" in os.environ else os.getpid(),
    }
