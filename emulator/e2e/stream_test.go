package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

const streamPath = "/2021-11-15/functions/test/response-streaming-invocations"

// message is one of an event stream, its checksums verified.
type message struct {
	headers map[string]string
	payload string
}

func readMessage(r io.Reader) (message, error) {
	prelude := make([]byte, 12)
	if _, err := io.ReadFull(r, prelude); err != nil {
		return message{}, err
	}
	rest := make([]byte, binary.BigEndian.Uint32(prelude)-12)
	if _, err := io.ReadFull(r, rest); err != nil {
		return message{}, err
	}
	all := append(prelude, rest...)
	if crc32.ChecksumIEEE(all[:8]) != binary.BigEndian.Uint32(all[8:]) ||
		crc32.ChecksumIEEE(all[:len(all)-4]) != binary.BigEndian.Uint32(all[len(all)-4:]) {
		return message{}, io.ErrUnexpectedEOF
	}
	size := binary.BigEndian.Uint32(all[4:])
	m := message{headers: map[string]string{}, payload: string(all[12+size : len(all)-4])}
	for h := all[12 : 12+size]; len(h) > 0; {
		n := int(h[0])
		length := int(binary.BigEndian.Uint16(h[n+2:]))
		m.headers[string(h[1:1+n])] = string(h[n+4 : n+4+length])
		h = h[n+4+length:]
	}
	return m, nil
}

// complete is the payload of the last message.
type complete struct{ ErrorCode, ErrorDetails, LogResult string }

func readStream(t *testing.T, a testbed.Answer) (text string, end complete) {
	t.Helper()
	for r := strings.NewReader(a.Body); ; {
		m, err := readMessage(r)
		if err != nil {
			t.Fatalf("the stream ended without InvokeComplete: %v", err)
		}
		expect(t, ":message-type", m.headers[":message-type"], "event")
		if m.headers[":event-type"] == "InvokeComplete" {
			expect(t, "rest", r.Len(), 0)
			if err := json.Unmarshal([]byte(m.payload), &end); err != nil {
				t.Fatal(err)
			}
			return text, end
		}
		expect(t, ":event-type", m.headers[":event-type"], "PayloadChunk")
		text += m.payload
	}
}

func TestStreamDeliversChunksAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	body := event(t, testbed.Request{Stream: []string{"one", "two"}, Pause: "1m"})
	response, err := http.Post(e.URL+streamPath, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	expect(t, "content type", response.Header.Get("Content-Type"), "application/vnd.amazon.eventstream")
	expect(t, "version", response.Header.Get("X-Amz-Executed-Version"), "$LATEST")
	m, err := readMessage(response.Body) // while the function pauses for a minute
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "first chunk", m.payload, "one")
}

func TestStreamEnds(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=1"}})
	details := `{"errorType":"Midway","errorMessage":"m"}`
	prelude := `{"statusCode":201}` + strings.Repeat("\x00", 8) + "body"
	three := 3
	large := strings.Repeat("0123456789abcdef", 20000)
	for name, c := range map[string]struct {
		request        testbed.Request
		text           string
		code, detailed string
	}{
		"well":                  {testbed.Request{Stream: []string{"a", "b", "c"}}, "abc", "", ""},
		"with the HTTP prelude": {testbed.Request{Stream: []string{prelude}}, prelude, "", ""},
		"large":                 {testbed.Request{Stream: []string{large, large}}, large + large, "", ""},
		"in an error": {testbed.Request{Stream: []string{"a"}, Trailer: base64.StdEncoding.EncodeToString([]byte(details))},
			"a", "Function.Midway", details},
		"before it began": {testbed.Request{Error: details}, "", "Function.TestError", details},
		"by an exit":      {testbed.Request{Exit: &three}, "", "Runtime.ExitError", "exit status 3"},
		"by the timeout":  {testbed.Request{Stream: []string{"a", "b"}, Pause: "1m"}, "a", "Sandbox.Timedout", "timed out after 1.00"},
		"though buffered": {testbed.Request{Size: 3}, "111", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := e.Do(http.MethodPost, streamPath, event(t, c.request), "X-Amz-Log-Type", "Tail")
			expect(t, "status", a.Status, 200)
			text, end := readStream(t, a)
			if text != c.text {
				t.Errorf("got %d bytes %.40q, want %d bytes %.40q", len(text), text, len(c.text), c.text)
			}
			expect(t, "code", end.ErrorCode, c.code)
			expectContains(t, "details", end.ErrorDetails, c.detailed)
			expectContains(t, "log", decode(t, end.LogResult), "REPORT RequestId: "+a.Header.Get("X-Amzn-Requestid"))
		})
	}
}

func TestStreamedAnswerToAPlainInvokeIsWhole(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	a := e.Invoke(event(t, testbed.Request{Stream: []string{`{"a":`, `1}`}}))
	expect(t, "body", a.Body, `{"a":1}`)
	expect(t, "error", a.Header.Get("X-Amz-Function-Error"), "")
	a = e.Invoke(event(t, testbed.Request{Stream: []string{`x`}, Trailer: "bm8="}))
	expect(t, "body", a.Body, "no")
	expect(t, "error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
}

func TestStreamSurvivesACallerWhoLeaves(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	large := strings.Repeat("x", 1<<20)
	body := event(t, testbed.Request{Stream: []string{large, large, large, large, large}})
	response, err := http.Post(e.URL+streamPath, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.CopyN(&bytes.Buffer{}, response.Body, 100)
	response.Body.Close()
	expect(t, "invocations in the same process", parse(t, e.Invoke(`{}`).Body).Count, 2)
}

func TestStreamSurvivesACallerWhoStopsReading(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=1"}})
	pieces := make([]string, 32)
	for i := range pieces {
		pieces[i] = strings.Repeat("x", 150<<10)
	}
	response, err := http.Post(e.URL+streamPath, "application/json", strings.NewReader(event(t, testbed.Request{Stream: pieces})))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	start := time.Now()
	expect(t, "invocations in a new process", parse(t, e.Invoke(`{}`).Body).Count, 1)
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the next invocation took %v", took)
	}
}
