"""Calls a function that answers in two pieces with a pause between them, then one that fails in between."""

import sys
import time

import boto3
from botocore import UNSIGNED
from botocore.config import Config

client = boto3.client(
    "lambda",
    region_name="us-east-1",
    endpoint_url=sys.argv[1],
    config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
)


def stream(event):
    """The text, how the stream ended, and the seconds from its first piece to its end."""
    text, began, complete = b"", None, None
    for part in client.invoke_with_response_stream(FunctionName="test", Payload=event)["EventStream"]:
        if "PayloadChunk" in part:
            began = began or time.monotonic()
            text += part["PayloadChunk"]["Payload"]
        else:
            complete = part["InvokeComplete"]
    return text.rpartition(bytes(8))[2], complete, time.monotonic() - (began or time.monotonic())


text, complete, took = stream(b'{"stream": true}')
if text != b"one two" or "ErrorCode" in complete or took < 0.2:
    sys.exit(f"{text!r}, {complete}, {took} s")
text, complete, took = stream(b'{"stream": true, "midway": true}')
in_the_body = text.startswith(b"oneLambda-Runtime-Function-Error-Type: ")  # where the client for Rust puts its trailer
if not in_the_body and (text != b"one" or not complete.get("ErrorCode")):
    sys.exit(f"{text!r}, {complete}")
