"""What the smoke tests invoke in a Python image: it tells what it sees, or fails when told to."""

import os
import platform
import uuid

PROCESS = str(uuid.uuid4())
COUNT = 0


def handler(event, context):
    global COUNT
    COUNT += 1
    if event.get("say"):
        print(event["say"])
    if event.get("do") == "fail":
        raise ValueError("told to fail")
    return {
        "event": event,
        "context": {
            "name": context.function_name,
            "version": context.function_version,
            "memory": context.memory_limit_in_mb,
            "arn": context.invoked_function_arn,
            "request_id": context.aws_request_id,
            "remaining_ms": context.get_remaining_time_in_millis(),
        },
        "version": platform.python_version(),
        "machine": platform.machine(),
        "uid": os.getuid(),
        "gid": os.getgid(),
        "cwd": os.getcwd(),
        "writable": writable("/var/task"),
        "layer": layer("/opt/layer.txt"),
        "process": PROCESS,
        "count": COUNT,
    }


def writable(folder):
    try:  # not open(): its error is no OSError in Python 2
        os.close(os.open(os.path.join(folder, "written"), os.O_WRONLY | os.O_CREAT))
    except OSError:
        return False
    return True


def layer(file):
    if not os.path.exists(file):
        return None
    with open(file) as stream:
        return stream.read()
