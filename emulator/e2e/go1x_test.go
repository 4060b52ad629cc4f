package e2e

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

// go1x makes the emulator one of the go1.x runtime, whose function is a program
// that plays the given part.
func go1x(t *testing.T, part string, env ...string) testbed.Options {
	t.Helper()
	root := filepath.Dir(testbed.Program(t, part))
	return testbed.Options{Bare: true, Args: []string{"--bootstrap", testbed.Go1Bootstrap(t), part},
		Env: append(env, "AWS_EXECUTION_ENV=AWS_Lambda_go1.x", "LAMBDA_TASK_ROOT="+root)}
}

func TestGo1xFunctionIsCalledByRPC(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, go1x(t, testbed.GoFunction))
	for want := range 3 {
		a := e.Invoke(`{"a":1}`)
		var r struct {
			Count   int
			ID      string
			Seconds int64
			Event   json.RawMessage
		}
		if err := json.Unmarshal([]byte(a.Body), &r); err != nil {
			t.Fatalf("%v in %q", err, a.Body)
		}
		expect(t, "count", r.Count, want+1)
		expect(t, "id", r.ID, a.Header.Get("X-Amzn-Requestid"))
		expect(t, "event", string(r.Event), `{"a":1}`)
		expect(t, "deadline ahead", r.Seconds > time.Now().Unix(), true)
	}
	e.Until("it is logged", func() bool { return strings.Contains(e.Stderr.String(), "in the function\n") })
}

func TestGo1xFunctionIsToldItsContext(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, go1x(t, testbed.GoFunction, `AWS_LAMBDA_COGNITO_IDENTITY={"cognitoIdentityId":"me"}`))
	a := e.Invoke(`"context"`, "X-Amzn-Trace-Id", "Root=1", "X-Amz-Client-Context",
		base64.StdEncoding.EncodeToString([]byte(`{"custom":{}}`)))
	expect(t, "answer", a.Body, `{"arn":"arn:aws:lambda:us-east-1:123456789012:function:test","trace":"Root=1",`+
		`"identity":"me","client":{"custom":{}}}`)
}

func TestGo1xErrorsAreAnswered(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, go1x(t, testbed.GoFunction))
	for _, c := range []struct{ event, body string }{
		{`"error"`, `{"errorMessage":"no","errorType":"errorString"}`},
		{`"refuse"`, `{"errorMessage":"refused","errorType":"Runtime.Unknown"}`},
		{`"panic"`, `{"errorMessage":"oh no","errorType":"errorString","stackTrace":[{"path":"main.go","line":7,"label":"main"}]}`},
	} {
		a := e.Invoke(c.event)
		expect(t, "error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
		expect(t, "body", a.Body, c.body)
	}
	kind, message := failure(t, e.Invoke(`"exit"`).Body)
	expect(t, "type", kind, "Runtime.ExitError")
	expectContains(t, "message", message, "Runtime exited with error: exit status 4")
	expectContains(t, "a new process", e.Invoke(`{}`).Body, `"count":1`)
	for range 3 {
		expect(t, "answer before an exit", e.Invoke(`"last"`).Body, `"the last"`)
		time.Sleep(3 * testbed.LastMoment) // the next one is for a new process
	}
}

func TestGo1xHandlerThatCannotStartIsAnswered(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mode         os.FileMode
		reason, hint string
	}{
		"missing": {0, "no such file or directory", "or name another handler"},
		"data":    {0o600, "permission denied", "chmod +x"},
		"strange": {0o700, "exec format error", "GOOS=linux"},
	} {
		o := go1x(t, testbed.GoFunction)
		path := filepath.Join(t.TempDir(), name)
		if c.mode != 0 {
			if err := os.WriteFile(path, []byte("?"), c.mode); err != nil {
				t.Fatal(err)
			}
		}
		o.Args[2], o.Env = name, []string{"LAMBDA_TASK_ROOT=" + filepath.Dir(path)}
		stdout, stderr, code := testbed.Run(t, o)
		kind, message := failure(t, lastLine(stdout))
		expect(t, name+": exit code", code, 1)
		expect(t, name+": type", kind, "PathError")
		expect(t, name+": message", message, "fork/exec "+path+": "+c.reason)
		expectContains(t, name+": log", stderr, c.hint)
	}
}

func TestGo1xFunctionMayStartSlowly(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, go1x(t, testbed.GoFunction, "TEST_SLOW_START=600ms"))
	expectContains(t, "answer", e.Invoke(`{}`).Body, `"count":1`)
	e.Until("it is logged", func() bool { return strings.Contains(e.Stderr.String(), "\tInit Duration: ") })
}

func TestGo1xFunctionMaySpeakTheRuntimeAPI(t *testing.T) {
	t.Parallel()
	stdout, _, code := testbed.Run(t, go1x(t, "bootstrap"))
	expect(t, "exit code", code, 0)
	expect(t, "count", parse(t, lastLine(stdout)).Count, 1)
}

// The bootstrap dies as the function does, of signals that Go takes for its own
// errors too.
func TestGo1xFunctionThatDiesIsTold(t *testing.T) {
	t.Parallel()
	for command, reason := range map[string]string{
		"exit 7":        "Runtime exited with error: exit status 7",
		"exit 0":        "Runtime exited without providing a reason",
		"kill -KILL 0":  "Runtime exited with error: signal: killed",
		"kill -SEGV $$": "Runtime exited with error: signal: segmentation fault",
		"kill -TERM $$": "Runtime exited with error: signal: terminated",
	} {
		o := go1x(t, "handler")
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "handler"), []byte("#!/bin/sh\n"+command+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		o.Env = []string{"LAMBDA_TASK_ROOT=" + root}
		stdout, _, code := testbed.Run(t, o)
		kind, message := failure(t, lastLine(stdout))
		expect(t, command+": exit code", code, 1)
		expect(t, command+": type", kind, "Runtime.ExitError")
		expectContains(t, command, message, reason)
	}
}

func TestGo1xFunctionIsToldOfItsEnd(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, go1x(t, testbed.GoFunction, "DOCKER_LAMBDA_EXTENSIONS_DIR="+testbed.Extensions(t, "shutdown")))
	expectContains(t, "answer", e.Invoke(`{}`).Body, `"count":1`)
	e.Signal(syscall.SIGTERM)
	expect(t, "exit code", e.Wait(), 0)
	expectContains(t, "log", e.Stderr.String(), "the function is told to end\n")
}
