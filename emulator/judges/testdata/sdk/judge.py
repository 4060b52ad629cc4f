"""Calls the function at the given endpoint with boto3 and checks the answers."""

import base64
import json
import sys

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

client = boto3.client(
    "lambda",
    region_name="us-east-1",
    endpoint_url=sys.argv[1],
    config=Config(signature_version=UNSIGNED, retries={"max_attempts": 0}),
)
NAME = "arn:aws:lambda:us-east-1:123456789012:function:test"


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")


def refused(code, **arguments):
    try:
        client.invoke(**arguments)
    except ClientError as error:
        check("error code", error.response["Error"]["Code"], code)
    else:
        sys.exit(f"{code}: not refused")


answer = client.invoke(FunctionName=NAME, Payload=b"{}", LogType="Tail", Qualifier="live")
payload = json.loads(answer["Payload"].read())
check("StatusCode", answer["StatusCode"], 200)
check("ExecutedVersion", answer["ExecutedVersion"], "$LATEST")
check("FunctionError", answer.get("FunctionError"), None)
check("request id", payload["id"], answer["ResponseMetadata"]["RequestId"])
check("ARN", payload["arn"], NAME + ":live")
log = base64.b64decode(answer["LogResult"]).decode()
check("log", [word in log for word in ("START", "in the handler", "END", "REPORT")], [True] * 4)

answer = client.invoke(FunctionName="test", Payload=b'{"fail": true}')
check("FunctionError", answer["FunctionError"], "Unhandled")
check("errorMessage", json.loads(answer["Payload"].read())["errorMessage"], "on request")

check("Event", client.invoke(FunctionName="test", InvocationType="Event")["StatusCode"], 202)
check("DryRun", client.invoke(FunctionName="test", InvocationType="DryRun")["StatusCode"], 204)
check("InvokeAsync", client.invoke_async(FunctionName="test", InvokeArgs=b"{}")["Status"], 202)
refused("InvalidRequestContentException", FunctionName="test", Payload=b"{")
refused("RequestTooLargeException", FunctionName="test", Payload=b'"' + b"x" * (6 << 20) + b'"')

text, complete = b"", None
stream = client.invoke_with_response_stream(FunctionName="test", Payload=b'{"stream": true}', LogType="Tail")
for event in stream["EventStream"]:
    if "PayloadChunk" in event:
        text += event["PayloadChunk"]["Payload"]
    else:
        complete = event["InvokeComplete"]
check("stream", bool(text), True)
check("ErrorCode", complete.get("ErrorCode"), None)
check("log of the stream", "REPORT" in base64.b64decode(complete["LogResult"]).decode(), True)

stream = client.invoke_with_response_stream(FunctionName="test", Payload=b'{"fail": true}')
complete = next(event["InvokeComplete"] for event in stream["EventStream"] if "InvokeComplete" in event)
check("ErrorDetails", json.loads(complete["ErrorDetails"])["errorMessage"], "on request")
print("boto3 is content")
