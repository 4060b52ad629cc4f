package e2e

import (
	"net"
	"path/filepath"
	"strings"
	"testing"

	"lambda-factory/emulator/internal/testbed"
)

func TestBadConfigurationIsOneLine(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	_, taken, _ := net.SplitHostPort(listener.Addr().String())
	for name, c := range map[string]struct {
		args, env []string
		bare      bool
		code      int
		says      string
	}{
		"timeout no number":    {env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=soon"}, code: 2, says: `AWS_LAMBDA_FUNCTION_TIMEOUT must be a number of seconds above 0, not "soon"`},
		"timeout 0":            {env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=0"}, code: 2, says: "AWS_LAMBDA_FUNCTION_TIMEOUT"},
		"timeout NaN":          {env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=NaN"}, code: 2, says: "AWS_LAMBDA_FUNCTION_TIMEOUT"},
		"memory 0":             {env: []string{"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=0"}, code: 2, says: "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"},
		"port no number":       {env: []string{"DOCKER_LAMBDA_API_PORT=http"}, code: 2, says: "DOCKER_LAMBDA_API_PORT"},
		"runtime port":         {env: []string{"DOCKER_LAMBDA_RUNTIME_PORT=70000"}, code: 2, says: "DOCKER_LAMBDA_RUNTIME_PORT"},
		"concurrency":          {env: []string{"DOCKER_LAMBDA_CONCURRENCY=-1"}, code: 2, says: "DOCKER_LAMBDA_CONCURRENCY"},
		"width":                {env: []string{"AWS_LAMBDA_MAX_CONCURRENCY=many"}, code: 2, says: "AWS_LAMBDA_MAX_CONCURRENCY"},
		"log format":           {env: []string{"AWS_LAMBDA_LOG_FORMAT=XML"}, code: 2, says: "AWS_LAMBDA_LOG_FORMAT must be Text or JSON"},
		"log level":            {env: []string{"AWS_LAMBDA_LOG_LEVEL=LOUD"}, code: 2, says: "AWS_LAMBDA_LOG_LEVEL"},
		"unknown flag":         {args: []string{"--frobnicate"}, code: 2, says: "usage: init"},
		"three arguments":      {args: []string{"a", "b", "c"}, code: 2, says: "expected a handler and an event"},
		"arguments no JSON":    {args: []string{"--bootstrap-args", "x"}, code: 2, says: "--bootstrap-args must be a JSON array"},
		"no bootstrap":         {bare: true, args: []string{"--bootstrap", "/absent"}, code: 2, says: "Couldn't find valid bootstrap(s): [/absent /var/task/bootstrap /opt/bootstrap]"},
		"bootstrap no program": {bare: true, args: []string{"--bootstrap", "/etc/passwd"}, code: 2, says: "/etc/passwd is not executable"},
		"API port taken": {env: []string{"DOCKER_LAMBDA_STAY_OPEN=1", "DOCKER_LAMBDA_API_PORT=" + taken}, code: 1,
			says: "address already in use"},
		"runtime port taken": {env: []string{"DOCKER_LAMBDA_RUNTIME_PORT=" + taken}, code: 1, says: "address already in use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr, code := testbed.Run(t, testbed.Options{Args: c.args, Env: c.env, Bare: c.bare})
			expect(t, "exit code", code, c.code)
			expect(t, "stdout", stdout, "")
			expectContains(t, "stderr", stderr, c.says)
			expect(t, "lines", strings.Count(stderr, "\n"), 1)
		})
	}
}

func TestContextReachesTheFunction(t *testing.T) {
	t.Parallel()
	stdout, stderr, _ := testbed.Run(t, testbed.Options{Args: []string{"h"}, Env: []string{
		"AWS_LAMBDA_FUNCTION_NAME=fn", "AWS_LAMBDA_FUNCTION_VERSION=7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_FUNCTION_TIMEOUT=30", "AWS_LAMBDA_FUNCTION_INVOKED_ARN=arn:x", "AWS_DEFAULT_REGION=eu-west-1",
		"_X_AMZN_TRACE_ID=Root=1-2-3", "AWS_LAMBDA_CLIENT_CONTEXT={}", `AWS_LAMBDA_COGNITO_IDENTITY={"a":1}`,
	}})
	r := parse(t, lastLine(stdout))
	for name, want := range map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "fn", "AWS_LAMBDA_FUNCTION_VERSION": "7", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn",
	} {
		expect(t, name, r.Env[name], want)
	}
	for name, want := range map[string]string{
		"Lambda-Runtime-Invoked-Function-Arn": "arn:x", "Lambda-Runtime-Trace-Id": "Root=1-2-3",
		"Lambda-Runtime-Client-Context": "{}", "Lambda-Runtime-Cognito-Identity": `{"a":1}`,
	} {
		expect(t, name, r.Headers[name], want)
	}
	expectContains(t, "log", stderr, "Version: 7\n")
	expectContains(t, "log", stderr, "Memory Size: 256 MB\t")
}

func TestRuntimeEnvironmentIsLambdas(t *testing.T) {
	t.Parallel()
	stdout, _, _ := testbed.Run(t, testbed.Options{Args: []string{"h"}, Env: []string{
		"HOME=" + home(t), "HOSTNAME=" + hostname(t), "TERM=xterm", "TABLE=mine", "EMPTY=", "DOCKER_LAMBDA_DEBUG=1",
		"AWS_LAMBDA_EVENT_BODY={}", "AWS_LAMBDA_FUNCTION_HANDLER=x", "AWS_LAMBDA_FUNCTION_TIMEOUT=9", "AWS_ACCOUNT_ID=1",
		"AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret", "AWS_SESSION_TOKEN=token", "_LAMBDA_LOG_FD=9",
	}})
	env := parse(t, lastLine(stdout)).Env
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION",
		"AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
		"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API",
		"AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT",
		"LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT", "LANG", "PATH", "TZ", "_HANDLER", "TABLE",
	} {
		expect(t, name+" is there", env[name] != "", true)
		delete(env, name)
	}
	delete(env, "GORACE") // of the tests
	delete(env, "GOTRACEBACK")
	expect(t, "what else is there", len(env), 0)
	for name := range env {
		t.Errorf("%s leaked", name)
	}
}

func TestHomeThatTheUserChoseIsKept(t *testing.T) {
	t.Parallel()
	stdout, _, _ := testbed.Run(t, testbed.Options{Env: []string{"HOME=/tmp/elsewhere"}})
	expect(t, "HOME", parse(t, lastLine(stdout)).Env["HOME"], "/tmp/elsewhere")
}

func TestCarriageReturns(t *testing.T) {
	t.Parallel()
	body := event(t, testbed.Request{Print: "one\rtwo\n"})
	_, stderr, _ := testbed.Run(t, testbed.Options{Args: []string{"h", body}})
	expectContains(t, "stderr", stderr, "one\ntwo\n")
	_, stderr, _ = testbed.Run(t, testbed.Options{Args: []string{"h", body}, Env: []string{"DOCKER_LAMBDA_NO_MODIFY_LOGS=1"}})
	expectContains(t, "stderr", stderr, "one\rtwo\n")
}

func TestOnLambdaTheEmulatorStepsAside(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	api := parse(t, e.Invoke(`{}`).Body).Env["AWS_LAMBDA_RUNTIME_API"]
	// The runtime of a second "image" takes part in the first one's session.
	second := testbed.Start(t, testbed.Options{Args: []string{"from.cmd"}, Env: []string{
		"AWS_LAMBDA_RUNTIME_API=" + api, "HOME=/kept", "DOCKER_LAMBDA_DEBUG=1"}})
	e.Until("the second one is served", func() bool {
		r := parse(t, e.Invoke(`{}`).Body)
		if r.PID != second.PID() {
			return false
		}
		expect(t, "_HANDLER", r.Env["_HANDLER"], "from.cmd")
		expect(t, "HOME", r.Env["HOME"], "/kept")
		_, leaked := r.Env["DOCKER_LAMBDA_DEBUG"]
		expect(t, "DOCKER_LAMBDA_DEBUG leaked", leaked, false)
		return true
	})
}

func TestRIE(t *testing.T) {
	t.Parallel()
	port := testbed.FreePort(t)
	e := testbed.Start(t, testbed.Options{Name: "aws-lambda-rie", Bare: true, Args: []string{
		"--runtime-interface-emulator-address", "127.0.0.1:" + port, "--log-level", "debug",
		testbed.Program(t, "bootstrap"), "-m", "module", "app.handler"}})
	e.URL = "http://127.0.0.1:" + port
	e.Listening()
	a := e.Do("POST", "/2015-03-31/functions/function/invocations", `{"a":1}`)
	expect(t, "status", a.Status, 200)
	r := parse(t, a.Body)
	expect(t, "event", string(r.Event), `{"a":1}`)
	expect(t, "arguments", strings.Join(r.Args, " "), "-m module app.handler")
	expect(t, "_HANDLER", r.Env["_HANDLER"], "app.handler")
	expect(t, "memory", r.Env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "3008")
	e.Until("the log is on stdout", func() bool { return strings.Contains(e.Stdout.String(), "REPORT RequestId: ") })
}

func TestRIEWithBadArguments(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"address": {"--runtime-interface-emulator-address", "nowhere"},
		"program": {filepath.Join(t.TempDir(), "absent"), "handler"},
	} {
		t.Run(name, func(t *testing.T) {
			_, stderr, code := testbed.Run(t, testbed.Options{Name: "aws-lambda-rie", Bare: true, Args: args})
			expect(t, "exit code", code, 2)
			expect(t, "lines", strings.Count(stderr, "\n"), 1)
		})
	}
}

func TestDebugTellsOfTheEmulatorItself(t *testing.T) {
	t.Parallel()
	_, stderr, _ := testbed.Run(t, testbed.Options{Env: []string{"DOCKER_LAMBDA_DEBUG=1"}})
	for _, part := range []string{"a sandbox begins; its API is at 127.0.0.1:", "DEBUG GET /2018-06-01/runtime/invocation/next", "a sandbox ends: spindown"} {
		expectContains(t, "stderr", stderr, part)
	}
	_, stderr, _ = testbed.Run(t, testbed.Options{})
	expect(t, "without it", strings.Contains(stderr, "DEBUG"), false)
}
