package e2e

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

const invokePath = "/2015-03-31/functions/test/invocations"

func TestAPIRefusesWithAWSDocuments(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	large := `"` + strings.Repeat("x", 6<<20) + `"`
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
		kind, message      string
	}{
		"bad JSON":  {"POST", invokePath, `{"a":`, nil, 400, "InvalidRequestContentException", "Could not parse request body into json"},
		"bad UTF-8": {"POST", invokePath, "\"\x87\"", nil, 400, "InvalidRequestContentException", "Could not parse request body into json"},
		"too large": {"POST", invokePath, large, nil, 413, "RequestTooLargeException", "Request must be smaller than 6291456 bytes for the InvokeFunction operation"},
		"too large, asynchronous": {"POST", invokePath, large[:2<<20], []string{"X-Amz-Invocation-Type", "Event"}, 413,
			"RequestTooLargeException", "smaller than 1048576 bytes"},
		"unknown path":   {"POST", "/2015-03-31/functions", `{}`, nil, 404, "UnknownOperationException", ""},
		"unknown method": {"GET", invokePath, ``, nil, 405, "MethodNotAllowedException", ""},
		"unknown type":   {"POST", invokePath, `{}`, []string{"X-Amz-Invocation-Type", "Later"}, 400, "ValidationException", "Later"},
		"client context": {"POST", invokePath, `{}`, []string{"X-Amz-Client-Context", "%%%"}, 400, "InvalidRequestContentException", "Client context"},
		"client context in bad UTF-8": {"POST", invokePath, `{}`, []string{"X-Amz-Client-Context", "eyJhIjoi/yJ9"}, 400,
			"InvalidRequestContentException", "Client context"},
		"function name": {"POST", "/2015-03-31/functions/a%20b/invocations", `{}`, nil, 400, "ValidationException", "functionName"},
		"qualifier":     {"POST", invokePath + "?Qualifier=a%20b", `{}`, nil, 400, "ValidationException", "qualifier"},
		"two qualifiers": {"POST", "/2015-03-31/functions/test:1/invocations?Qualifier=2", `{}`, nil, 400,
			"InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier."},
		"runtime's paths": {"GET", "/2018-06-01/runtime/invocation/next", ``, nil, 404, "UnknownOperationException", ""},
		"extensions'":     {"POST", "/2020-01-01/extension/register", `{}`, nil, 404, "UnknownOperationException", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := e.Do(c.method, c.path, c.body, c.headers...)
			expect(t, "status", a.Status, c.status)
			expect(t, "type", a.Header.Get("X-Amzn-Errortype"), c.kind)
			expectContains(t, "body", a.Body, c.message)
			expect(t, "has a request id", len(a.Header.Get("X-Amzn-Requestid")), 36)
		})
	}
	expect(t, "no invocation came of it", parse(t, e.Invoke(`{}`).Body).Count, 1)
}

func TestAPITakesAnyNameOfAFunction(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	const own = "arn:aws:lambda:us-east-1:123456789012:function:test"
	for name, want := range map[string]string{
		"test": own, "another-one_2": own, "fn:prod": own + ":prod", "fn:$LATEST": own + ":$LATEST",
		"123456789012:function:fn": own, "function:fn:1": own + ":1", "us-west-2:123456789012:function:fn": own,
		"arn:aws:lambda:us-west-2:123456789012:function:fn":               own,
		"arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:fn:v1": own + ":v1",
	} {
		for _, path := range []string{name, strings.ReplaceAll(name, ":", "%3A")} {
			a := e.Do("POST", "/2015-03-31/functions/"+path+"/invocations", `{}`)
			expect(t, "status of "+path, a.Status, 200)
			expect(t, "ARN of "+path, parse(t, a.Body).Headers["Lambda-Runtime-Invoked-Function-Arn"], want)
		}
	}
	a := e.Do("POST", invokePath+"?Qualifier=live", `{}`)
	expect(t, "ARN", parse(t, a.Body).Headers["Lambda-Runtime-Invoked-Function-Arn"], own+":live")
}

func TestAPIPassesContextOn(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=60"}})
	before := time.Now()
	a := e.Invoke(``, "X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(`{"custom":{"a":"b"}}`)),
		"X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1", "X-Amz-Tenant-Id", "blue")
	r := parse(t, a.Body)
	expect(t, "no body is an empty object", string(r.Event), `{}`)
	expect(t, "client context", r.Headers["Lambda-Runtime-Client-Context"], `{"custom":{"a":"b"}}`)
	expect(t, "trace", r.Headers["Lambda-Runtime-Trace-Id"], "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
	expect(t, "tenant", r.Headers["Lambda-Runtime-Aws-Tenant-Id"], "blue")
	millis, _ := strconv.ParseInt(r.Headers["Lambda-Runtime-Deadline-Ms"], 10, 64)
	if left := time.UnixMilli(millis).Sub(before); left < 59*time.Second || left > 65*time.Second {
		t.Errorf("the deadline is %v ahead", left)
	}
}

func TestAPIServesInvokeAsync(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Do("POST", "/2014-11-13/functions/test/invoke-async", event(t, testbed.Request{Print: "asynchronous\n"}))
	expect(t, "status", a.Status, 202)
	e.Until("it ran", func() bool { return strings.Contains(e.Stderr.String(), "asynchronous") })
}

func TestAPIAllowsOtherOrigins(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	expect(t, "preflight without an origin", e.Do("OPTIONS", invokePath, "").Status, 403)
	a := e.Do("OPTIONS", invokePath, "", "Origin", "http://x", "Access-Control-Request-Method", "POST",
		"Access-Control-Request-Headers", "x-amz-log-type")
	expect(t, "preflight", a.Status, 200)
	expect(t, "methods", a.Header.Get("Access-Control-Allow-Methods"), "POST")
	expect(t, "headers", a.Header.Get("Access-Control-Allow-Headers"), "x-amz-log-type")
	expect(t, "age", a.Header.Get("Access-Control-Max-Age"), "172800")
	a = e.Invoke(`{}`, "Origin", "http://x")
	expect(t, "origin", a.Header.Get("Access-Control-Allow-Origin"), "*")
	expect(t, "invocations", parse(t, a.Body).Count, 1)
}

func TestResponseLimits(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(event(t, testbed.Request{Size: 6291556}))
	expect(t, "the largest", len(a.Body), 6291556)
	a = e.Invoke(event(t, testbed.Request{Size: 6291557}))
	kind, message := failure(t, a.Body)
	expect(t, "type", kind, "Function.ResponseSizeTooLarge")
	expect(t, "message", message, "Response payload size exceeded maximum allowed payload size (6291556 bytes).")
	expect(t, "the process goes on", parse(t, e.Invoke(`{}`).Body).Count, 3)
	empty := ""
	expect(t, "an empty answer", e.Invoke(event(t, testbed.Request{Raw: &empty})).Body, "null")
}

func TestRuntimeAPIIsOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	port := testbed.FreePort(t)
	e := testbed.Serve(t, testbed.Options{Env: []string{"DOCKER_LAMBDA_RUNTIME_PORT=" + port}})
	expect(t, "AWS_LAMBDA_RUNTIME_API", parse(t, e.Invoke(`{}`).Body).Env["AWS_LAMBDA_RUNTIME_API"], "127.0.0.1:"+port)
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		ip := address.(*net.IPNet).IP
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() {
			continue
		}
		if conn, err := net.DialTimeout("tcp", net.JoinHostPort(ip.String(), port), time.Second); err == nil {
			conn.Close()
			t.Errorf("the Runtime API listens on %v", ip)
		}
	}
}

func TestConcurrentInvocationsNeverMix(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		env       []string
		processes int
	}{
		"one process":       {nil, 1},
		"several processes": {[]string{"DOCKER_LAMBDA_CONCURRENCY=4"}, 4},
		"one wide process":  {[]string{"AWS_LAMBDA_MAX_CONCURRENCY=4"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testbed.Serve(t, testbed.Options{Env: c.env})
			var mu sync.Mutex
			processes := map[int]bool{}
			var callers sync.WaitGroup
			for caller := range 8 {
				callers.Go(func() {
					for i := range 20 {
						want := fmt.Sprintf(`{"sleep":"2ms","caller":"%d/%d"}`, caller, i)
						r := parse(t, e.Invoke(want).Body)
						if string(r.Event) != want {
							t.Errorf("got %s, want %s", r.Event, want)
						}
						mu.Lock()
						processes[r.PID] = true
						mu.Unlock()
					}
				})
			}
			callers.Wait()
			expect(t, "processes", len(processes), c.processes)
		})
	}
}

func TestSerialInvocationsNeedOneProcess(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"DOCKER_LAMBDA_CONCURRENCY=8"}})
	for i := range 10 {
		expect(t, "count", parse(t, e.Invoke(`{}`).Body).Count, i+1)
	}
}

func TestWideProcessHoldsSeveralInvocations(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_MAX_CONCURRENCY=4"}})
	e.Invoke(`{}`)
	start := time.Now()
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() { e.Invoke(event(t, testbed.Request{Sleep: "500ms"})) })
	}
	callers.Wait()
	if took := time.Since(start); took > 1500*time.Millisecond {
		t.Errorf("four at once took %v", took)
	}
}

func TestThrottle(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"DOCKER_LAMBDA_THROTTLE=1"}})
	e.Invoke(`{}`)
	answers := make(chan testbed.Answer, 1)
	go func() { answers <- e.Invoke(event(t, testbed.Request{Print: "busy", Sleep: "1s"})) }()
	e.Until("it runs", func() bool { return strings.Contains(e.Stderr.String(), "busy") })
	a := e.Invoke(`{}`)
	expect(t, "status", a.Status, 429)
	expect(t, "type", a.Header.Get("X-Amzn-Errortype"), "TooManyRequestsException")
	expectContains(t, "body", a.Body, `"Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"`)
	expect(t, "an event waits", e.Invoke(event(t, testbed.Request{Print: "later"}), "X-Amz-Invocation-Type", "Event").Status, 202)
	parse(t, (<-answers).Body)
	e.Until("the event ran", func() bool { return strings.Contains(e.Stderr.String(), "later") })
}

func TestBadTrafficIsSurvived(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	address := strings.TrimPrefix(e.URL, "http://")
	for name, c := range map[string]struct{ send, want string }{
		"garbage":        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "HTTP/1.1 400"},
		"huge header":    {"POST / HTTP/1.1\r\nX: " + strings.Repeat("x", 1<<20), "HTTP/1.1 431"},
		"many headers":   {"POST / HTTP/1.1\r\n" + strings.Repeat("X: y\r\n", 1<<18), "HTTP/1.1 4"},
		"no host":        {"POST " + invokePath + " HTTP/1.1\r\n\r\n", "HTTP/1.1 400"},
		"two lengths":    {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", "HTTP/1.1 400"},
		"bad chunk":      {"POST " + invokePath + " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400"},
		"half a request": {"POST " + invokePath + " HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", ""},
		"nothing":        {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(testbed.Patience))
			_, _ = io.WriteString(conn, c.send)
			if c.want == "" {
				return // and leaves in the middle
			}
			answer := make([]byte, len(c.want))
			_, _ = io.ReadFull(conn, answer)
			expect(t, "answer", string(answer), c.want)
		})
	}
	expect(t, "invocations", parse(t, e.Invoke(`{}`).Body).Count, 1)
}

func TestCallerWhoLeavesIsSurvived(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	e.Invoke(`{}`)
	client := http.Client{Timeout: 300 * time.Millisecond}
	_, err := client.Post(e.URL+invokePath, "", strings.NewReader(event(t, testbed.Request{Sleep: "1s", Print: "went on\n"})))
	expect(t, "the caller left", err != nil, true)
	_, err = client.Post(e.URL+invokePath, "", strings.NewReader(event(t, testbed.Request{Print: "never\n"})))
	expect(t, "so did one who waited", err != nil, true)
	expect(t, "invocations", parse(t, e.Invoke(`{}`).Body).Count, 3)
	e.Until("it went on", func() bool { return strings.Contains(e.Stderr.String(), "went on\n") })
	expect(t, "what nobody waits for is not begun", strings.Contains(e.Stderr.String(), "never"), false)
}
