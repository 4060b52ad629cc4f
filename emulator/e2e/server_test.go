package e2e

import (
	"net/http"
	"strings"
	"testing"

	"lambda-factory/emulator/internal/testbed"
)

func TestServerMeetsTheSameProcessAgain(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	first, second := parse(t, e.Invoke(`{}`).Body), parse(t, e.Invoke(`{}`).Body)
	expect(t, "process", second.PID, first.PID)
	expect(t, "invocations in it", second.Count, 2)
}

func TestServerAnswersRequestResponse(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(`{"a":1}`)
	r := parse(t, a.Body)
	expect(t, "status", a.Status, 200)
	expect(t, "event", string(r.Event), `{"a":1}`)
	expect(t, "request id", a.Header.Get("X-Amzn-Requestid"), r.Headers["Lambda-Runtime-Aws-Request-Id"])
	expect(t, "trace id", a.Header.Get("X-Amzn-Trace-Id"), r.Headers["Lambda-Runtime-Trace-Id"])
	for key, want := range map[string]string{
		"Content-Type": "application/json", "X-Amz-Executed-Version": "$LATEST",
		"X-Amzn-Remapped-Content-Length": "0", "X-Amz-Function-Error": "", "X-Amz-Log-Result": "",
	} {
		expect(t, key, a.Header.Get(key), want)
	}
}

func TestServerAnswersDryRun(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(`{}`, "X-Amz-Invocation-Type", "DryRun")
	expect(t, "status", a.Status, http.StatusNoContent)
	expect(t, "body", a.Body, "")
	expect(t, "count", parse(t, e.Invoke(`{}`).Body).Count, 1)
}

func TestServerRunsEvents(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(event(t, testbed.Request{Print: "seen\n"}), "X-Amz-Invocation-Type", "Event")
	expect(t, "status", a.Status, http.StatusAccepted)
	expect(t, "body", a.Body, "")
	e.Until("the event is done", func() bool { return strings.Contains(e.Stderr.String(), "REPORT") })
	expectContains(t, "log", e.Stderr.String(), "seen\n")
}

func TestEventIsRetriedTwiceUnderItsRequestID(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(event(t, testbed.Request{Error: `{}`}), "X-Amz-Invocation-Type", "Event")
	end := "END RequestId: " + a.Header.Get("X-Amzn-Requestid")
	e.Until("it was tried three times", func() bool { return strings.Count(e.Stderr.String(), end) == 3 })
	expect(t, "invocations before this one", parse(t, e.Invoke(`{}`).Body).Count, 4)
}

func TestLogTailIsComplete(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	for range 20 {
		a := e.Invoke(event(t, testbed.Request{Print: "first\n", Complain: "last"}), "X-Amz-Log-Type", "Tail")
		log := decode(t, a.Header.Get("X-Amz-Log-Result"))
		id := a.Header.Get("X-Amzn-Requestid")
		want := "START RequestId: " + id + " Version: $LATEST\nfirst\nlast\nEND RequestId: " + id + "\nREPORT RequestId: " + id + "\tDuration: "
		if !strings.HasPrefix(log, want) || !strings.HasSuffix(log, " MB\t\n") && !strings.HasSuffix(log, " ms\t\n") {
			t.Fatalf("log tail %q", log)
		}
	}
}

func TestLogTailHasTheLast4KB(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(event(t, testbed.Request{Print: strings.Repeat("0123456789abcde\n", 10000)}), "X-Amz-Log-Type", "Tail")
	log := decode(t, a.Header.Get("X-Amz-Log-Result"))
	expect(t, "size", len(log), 4096)
	expectContains(t, "tail", log, "0123456789abcde\nEND RequestId: ")
}

func TestFunctionErrorIsPassedThrough(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	for _, document := range []string{
		`{"errorMessage":"m","errorType":"T","trace":["a"],"requestId":"x","cause":{"more":1}}`, `not json`, `{}`,
	} {
		a := e.Invoke(event(t, testbed.Request{Error: document}))
		expect(t, "status", a.Status, 200)
		expect(t, "X-Amz-Function-Error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
		expect(t, "body", a.Body, document)
	}
}
