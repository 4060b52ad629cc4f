"""Calls the function at the given endpoint with the AWS CLI and checks what it prints."""

import base64
import json
import os
import subprocess
import sys
import tempfile

COMMAND = [sys.executable, "-m", "awscli", "lambda", "invoke", "--endpoint-url", sys.argv[1], "--no-sign-request"]
COMMAND += ["--region", "us-east-1", "--output", "json", "--function-name", "test"]
QUIET = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_MAX_ATTEMPTS": "1"}


def invoke(*options):
    """The exit code, what was said, and the answer."""
    with tempfile.NamedTemporaryFile() as answer:
        done = subprocess.run([*COMMAND, *options, answer.name], env={**os.environ, **QUIET}, capture_output=True)
        return done.returncode, done.stdout or done.stderr, answer.read()


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: got {got!r}, want {want!r}")


code, said, answer = invoke("--payload", "{}", "--log-type", "Tail", "--qualifier", "live")
check("exit code", (code, said if code else b""), (0, b""))
said, answer = json.loads(said), json.loads(answer)
check("status", (said["StatusCode"], said["ExecutedVersion"], said.get("FunctionError")), (200, "$LATEST", None))
check("ARN", answer["arn"], "arn:aws:lambda:us-east-1:123456789012:function:test:live")
log = base64.b64decode(said["LogResult"]).decode()
check("log", [word in log for word in ("START", "in the handler", "END", "REPORT", answer["id"])], [True] * 5)

code, said, answer = invoke("--payload", '{"fail": true}')
check("function error", (code, json.loads(said).get("FunctionError")), (0, "Unhandled"))
check("errorMessage", json.loads(answer)["errorMessage"], "on request")

for kind, status in (("Event", 202), ("DryRun", 204)):
    code, said, answer = invoke("--invocation-type", kind)
    check(kind, (code, json.loads(said or b"{}").get("StatusCode"), answer), (0, status, b""))

code, said, answer = invoke("--payload", "{")
check("bad JSON", (code != 0, b"InvalidRequestContentException" in said), (True, True))
print("awscli is content")
