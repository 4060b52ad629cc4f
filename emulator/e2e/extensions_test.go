package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

func serveWith(t *testing.T, env []string, extensions ...string) *testbed.Emulator {
	t.Helper()
	return testbed.Serve(t, testbed.Options{
		Env: append(env, "DOCKER_LAMBDA_EXTENSIONS_DIR="+testbed.Extensions(t, extensions...))})
}

// said returns what an extension printed about a subject.
func said(e *testbed.Emulator, extension, subject string) []string {
	var found []string
	for line := range strings.Lines(e.Stderr.String()) {
		if text, ok := strings.CutPrefix(line, "["+extension+"] "+subject+" "); ok {
			found = append(found, strings.TrimSpace(text))
		}
	}
	return found
}

func TestExtensionLivesThroughItsEvents(t *testing.T) {
	t.Parallel()
	const name = "invoke-shutdown"
	e := serveWith(t, []string{"AWS_LAMBDA_FUNCTION_NAME=fn", "AWS_ACCOUNT_ID=111122223333", "_HANDLER=a.b"}, name)
	a := e.Invoke(`{}`)
	parse(t, a.Body)
	e.Until("the extension has its event", func() bool { return len(said(e, name, "event")) == 1 })
	expect(t, "registered", said(e, name, "registered")[0],
		`{"accountId":"111122223333","functionName":"fn","functionVersion":"$LATEST","handler":"a.b"}`)
	var event struct {
		EventType, RequestID, InvokedFunctionArn string
		DeadlineMs                               int64
		Tracing                                  struct{ Type, Value string }
	}
	if err := json.Unmarshal([]byte(said(e, name, "event")[0]), &event); err != nil {
		t.Fatal(err)
	}
	expect(t, "eventType", event.EventType, "INVOKE")
	expect(t, "requestId", event.RequestID, a.Header.Get("X-Amzn-Requestid"))
	expect(t, "invokedFunctionArn", event.InvokedFunctionArn, "arn:aws:lambda:us-east-1:111122223333:function:fn")
	expect(t, "tracing", event.Tracing.Value, a.Header.Get("X-Amzn-Trace-Id"))
	expect(t, "deadline ahead", event.DeadlineMs > time.Now().UnixMilli(), true)
	start := time.Now()
	e.Signal(syscall.SIGTERM)
	expect(t, "exit code", e.Wait(), 0)
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("took %v though the extension exits at once", took)
	}
	last := said(e, name, "event")[1]
	expectContains(t, "last event", last, `"eventType":"SHUTDOWN"`)
	expectContains(t, "last event", last, `"shutdownReason":"spindown"`)
}

func TestExtensionThatStaysIsKilledAfter2Seconds(t *testing.T) {
	t.Parallel()
	e := serveWith(t, nil, "shutdown-stubborn")
	parse(t, e.Invoke(`{}`).Body)
	start := time.Now()
	e.Signal(syscall.SIGTERM)
	expect(t, "exit code", e.Wait(), 0)
	if took := time.Since(start); took < 1500*time.Millisecond || took > 2800*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

func TestExtensionIsToldOfATimeout(t *testing.T) {
	t.Parallel()
	e := serveWith(t, []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=1"}, "shutdown")
	e.Invoke(event(t, testbed.Request{Sleep: "1m"}))
	e.Until("it has its event", func() bool { return len(said(e, "shutdown", "event")) == 1 })
	expectContains(t, "event", said(e, "shutdown", "event")[0], `"shutdownReason":"timeout"`)
	expect(t, "the next process is new", parse(t, e.Invoke(`{}`).Body).Count, 1)
	e.Until("so is the extension", func() bool { return len(said(e, "shutdown", "registered")) == 2 })
}

func TestExtensionFailuresAreAnswered(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"crash": "Extension.Crash", "invoke-fail": "Extension.InitError"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := serveWith(t, nil, name)
			a := e.Invoke(`{}`)
			kind, message := failure(t, a.Body)
			expect(t, "status", a.Status, 200)
			expect(t, "X-Amz-Function-Error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
			expect(t, "type", kind, want)
			expectContains(t, "message", message, "RequestId: "+a.Header.Get("X-Amzn-Requestid")+" Error: ")
		})
	}
}

func TestExtensionThatCannotStartIsAnswered(t *testing.T) {
	t.Parallel()
	directory := testbed.Extensions(t)
	if err := os.WriteFile(filepath.Join(directory, "broken"), []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _, code := testbed.Run(t, testbed.Options{Env: []string{"DOCKER_LAMBDA_EXTENSIONS_DIR=" + directory}})
	expect(t, "exit code", code, 1)
	kind, _ := failure(t, lastLine(stdout))
	expect(t, "type", kind, "Extension.LaunchError")
}

func TestInvocationWaitsForExtensionsOfTheLastOne(t *testing.T) {
	t.Parallel()
	e := serveWith(t, nil, "invoke-slow")
	start := time.Now()
	e.Invoke(`{}`)
	first := time.Since(start)
	e.Invoke(`{}`)
	if both := time.Since(start); both < 300*time.Millisecond {
		t.Errorf("two invocations took %v, the first of them %v", both, first)
	}
	e.Until("it has had its events", func() bool { return len(said(e, "invoke-slow", "event")) == 2 })
}

func TestTelemetryTellsEverything(t *testing.T) {
	t.Parallel()
	const name = "invoke-shutdown-telemetry"
	e := serveWith(t, nil, name)
	e.Invoke(event(t, testbed.Request{Print: "a line\n{\"structured\":1}\n"}))
	e.Signal(syscall.SIGTERM)
	expect(t, "exit code", e.Wait(), 0)
	expect(t, "subscribed", said(e, name, "subscribed")[0], `200 OK "OK"`)
	seen := map[string]string{}
	for _, text := range said(e, name, "received") {
		var event struct {
			Time, Type string
			Record     json.RawMessage
		}
		if err := json.Unmarshal([]byte(text), &event); err != nil {
			t.Fatal(err)
		}
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", event.Time); err != nil {
			t.Error(err)
		}
		seen[event.Type] += string(event.Record)
	}
	for kind, part := range map[string]string{
		"platform.initStart": `"phase":"init"`, "platform.initRuntimeDone": `"status":"success"`,
		"platform.initReport": `"durationMs":`, "platform.extension": `"state":"Ready"`,
		"platform.telemetrySubscription": `"types":["platform","function","extension"]`,
		"platform.start":                 `"version":"$LATEST"`, "platform.runtimeDone": `"producedBytes":`,
		"platform.report": `"billedDurationMs":`, "function": `"a line"{"structured":1}`,
	} {
		expectContains(t, kind, seen[kind], part)
	}
	_, end := seen["platform.end"]
	expect(t, "platform.end belongs to the Logs API", end, false)
}

func TestLogsAPITellsItsKinds(t *testing.T) {
	t.Parallel()
	const name = "shutdown-logs"
	e := serveWith(t, nil, name)
	e.Invoke(event(t, testbed.Request{Print: "a line\n"}))
	e.Signal(syscall.SIGTERM)
	e.Wait()
	all := strings.Join(said(e, name, "received"), "\n")
	for _, part := range []string{`"platform.logsSubscription"`, `"platform.start"`, `"platform.end"`, `"platform.report"`, `"a line"`} {
		expectContains(t, "received", all, part)
	}
	expect(t, "kinds of the Telemetry API", strings.Contains(all, "platform.init"), false)
}

func TestJSONLogFormat(t *testing.T) {
	t.Parallel()
	lines := `{"level":"DEBUG","message":"low"}` + "\n" + `{"level":"ERROR","message":"high"}` + "\nplain\n"
	_, stderr, _ := testbed.Run(t, testbed.Options{
		Args: []string{"h", event(t, testbed.Request{Print: lines})},
		Env:  []string{"AWS_LAMBDA_LOG_FORMAT=JSON", "AWS_LAMBDA_LOG_LEVEL=WARN"}})
	kinds := ""
	for line := range strings.Lines(stderr) {
		var event struct{ Time, Type string }
		if json.Unmarshal([]byte(line), &event) == nil && event.Type != "" {
			kinds += event.Type + " "
		}
	}
	expect(t, "events", kinds, "platform.initStart platform.start platform.report ")
	expect(t, "low", strings.Contains(stderr, "low"), false)
	expectContains(t, "stderr", stderr, "high")
	expectContains(t, "stderr", stderr, "plain\n")
	_, stderr, _ = testbed.Run(t, testbed.Options{
		Env: []string{"AWS_LAMBDA_LOG_FORMAT=JSON", "DOCKER_LAMBDA_SYSTEM_LOG_LEVEL=WARN"}})
	expect(t, "nothing at WARN", stderr, "")
}
