package e2e

import (
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

// parent is a runtime that has started the emulator itself, as docker-lambda's
// mocks of the older runtimes do.
type parent struct {
	t   *testing.T
	url string
}

func (p parent) do(method, path, body string, headers ...string) (testbed.Answer, error) {
	request, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return testbed.Answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return testbed.Answer{Status: response.StatusCode, Header: response.Header, Body: string(content)}, err
}

// must is do for requests that are answered.
func (p parent) must(method, path, body string, headers ...string) testbed.Answer {
	p.t.Helper()
	a, err := p.do(method, path, body, headers...)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

const nextPath = "/2018-06-01/runtime/invocation/next"

func (p parent) next() (id string, a testbed.Answer) {
	p.t.Helper()
	a = p.must("GET", nextPath, "")
	return a.Header.Get("Lambda-Runtime-Aws-Request-Id"), a
}

func millis(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

func TestRuntimeThatIsItsOwnParentOnce(t *testing.T) {
	t.Parallel()
	port := testbed.FreePort(t)
	e := testbed.Start(t, testbed.Options{Stdin: strings.NewReader(`{"a":1}`), Env: []string{
		"DOCKER_LAMBDA_NO_BOOTSTRAP=1", "DOCKER_LAMBDA_USE_STDIN=1", "DOCKER_LAMBDA_RUNTIME_PORT=" + port}})
	p := parent{t, "http://127.0.0.1:" + port}
	e.Until("it answers", func() bool { _, err := p.do("GET", "/2018-06-01/runtime/ping", ""); return err == nil })
	id, a := p.next()
	expect(t, "event", a.Body, `{"a":1}`)
	now := time.Now()
	a = p.must("POST", "/2018-06-01/runtime/invocation/"+id+"/response", `{"b":2}`,
		"Docker-Lambda-Invoke-Wait", millis(now.Add(time.Second)), "Docker-Lambda-Init-End", millis(now.Add(-5*time.Second)))
	expect(t, "status", a.Status, 202)
	expect(t, "exit code", e.Wait(), 0)
	expect(t, "stdout", e.Stdout.String(), "{\"b\":2}\n")
	expectContains(t, "log", e.Stderr.String(), "\tDuration: 50") // five seconds, as the runtime says
	expectContains(t, "log", e.Stderr.String(), "Init Duration: ")
}

func TestRuntimeThatIsItsOwnParentStays(t *testing.T) {
	t.Parallel()
	port := testbed.FreePort(t)
	e := testbed.Start(t, testbed.Options{Env: []string{
		"DOCKER_LAMBDA_NO_BOOTSTRAP=1", "DOCKER_LAMBDA_STAY_OPEN=1",
		"DOCKER_LAMBDA_RUNTIME_PORT=" + port, "DOCKER_LAMBDA_API_PORT=" + port}})
	e.URL = "http://127.0.0.1:" + port
	p := parent{t, e.URL}
	e.Until("it answers", func() bool { _, err := p.do("GET", "/2018-06-01/runtime/ping", ""); return err == nil })
	log := base64.StdEncoding.EncodeToString([]byte("the log"))
	for _, headers := range [][]string{
		{"Docker-Lambda-Log-Result", log, "Docker-Lambda-Init-End", "soon", "Docker-Lambda-Invoke-Wait", "later"},
		{"Docker-Lambda-Log-Result", log},
	} {
		answers := make(chan testbed.Answer, 1)
		go func() { answers <- e.Invoke(`{}`, "X-Amz-Log-Type", "Tail") }()
		id, a := p.next()
		expect(t, "Docker-Lambda-Log-Type", a.Header.Get("Docker-Lambda-Log-Type"), "Tail")
		p.must("POST", "/2018-06-01/runtime/invocation/"+id+"/response", `1`, headers...)
		answer := <-answers
		expect(t, "answer", answer.Body, `1`)
		expect(t, "log", answer.Header.Get("X-Amz-Log-Result"), log)
	}
	ended := make(chan error, 1)
	go func() { _, err := p.do("GET", nextPath, ""); ended <- err }()
	e.Signal(syscall.SIGHUP)
	expect(t, "exit code on a reload", e.Wait(), 2)
	expect(t, "the waiting request is cut off", <-ended != nil, true)
}

func TestRuntimeAPIStateMachine(t *testing.T) {
	t.Parallel()
	port := testbed.FreePort(t)
	e := testbed.Start(t, testbed.Options{Env: []string{"AWS_LAMBDA_INITIALIZATION_TYPE=snap-start",
		"DOCKER_LAMBDA_NO_BOOTSTRAP=1", "DOCKER_LAMBDA_STAY_OPEN=1",
		"DOCKER_LAMBDA_RUNTIME_PORT=" + port, "DOCKER_LAMBDA_API_PORT=" + port}})
	e.URL = "http://127.0.0.1:" + port
	p := parent{t, e.URL}
	e.Until("it answers", func() bool { _, err := p.do("GET", "/2018-06-01/runtime/ping", ""); return err == nil })
	answers := make(chan testbed.Answer, 1)
	go func() { answers <- e.Invoke(`{"a":1}`) }()
	expect(t, "restore", p.must("GET", "/2018-06-01/runtime/restore/next", "").Status, 200)
	id, first := p.next()
	again, second := p.next()
	expect(t, "the event again", again, id)
	expect(t, "the event again", second.Body, first.Body)
	invocation := "/2018-06-01/runtime/invocation/"
	for _, c := range []struct {
		name, path string
		headers    []string
		status     int
		kind, says string
	}{
		{"another id", invocation + "x/response", nil, 400, "InvalidRequestID", "Invalid request ID"},
		{"another id", invocation + "x/error", nil, 400, "InvalidRequestID", "Invalid request ID"},
		{"late init error", "/2018-06-01/runtime/init/error", nil, 403, "InvalidStateTransition", "State transition from Ready to InitError"},
		{"unknown mode", invocation + id + "/response", []string{"Lambda-Runtime-Function-Response-Mode", "x"}, 400,
			"InvalidFunctionResponseMode", "Invalid function response mode"},
		{"unknown path", invocation + id + "/result", nil, 404, "NotFound", ""},
		{"the answer", invocation + id + "/response", nil, 202, "", `{"status":"OK"}`},
		{"a second one", invocation + id + "/response", nil, 403, "InvalidStateTransition",
			"State transition from RuntimeResponseSentState to InvocationResponse failed for runtime"},
		{"then an error", invocation + id + "/error", nil, 403, "InvalidStateTransition",
			"State transition from RuntimeResponseSentState to InvocationErrorResponse failed for runtime"},
	} {
		a := p.must("POST", c.path, `{}`, c.headers...)
		expect(t, c.name+": status", a.Status, c.status)
		expectContains(t, c.name, a.Body, c.says)
		if c.kind != "" {
			kind, _ := failure(t, a.Body)
			expect(t, c.name+": type", kind, c.kind)
		}
	}
	expect(t, "answer", (<-answers).Body, `{}`)
	expect(t, "wrong method", p.must("POST", nextPath, "").Status, 405)
	cause := `{"errorMessage":"m","errorType":"T","errorCause":{"working_directory":"/"}}`
	go func() { answers <- e.Invoke(`{}`) }()
	id, _ = p.next()
	p.must("POST", invocation+id+"/error", cause, "Content-Type", "application/vnd.aws.lambda.error.cause+json")
	expect(t, "error without its cause", (<-answers).Body, `{"errorMessage":"m","errorType":"T"}`)
}
