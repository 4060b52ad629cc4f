package invokeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"lambda-factory/emulator/internal/jsonvalid"
	"lambda-factory/emulator/internal/lambda"
)

// mirror is a function that answers with its event.
type mirror struct{}

func (mirror) Invoke(_ context.Context, inv *lambda.Invocation, answer func(lambda.Result)) error {
	if inv.Stream != nil {
		_ = inv.Stream.Write(inv.Payload)
		answer(lambda.Result{})
		return nil
	}
	answer(lambda.Result{Payload: inv.Payload, LogTail: []byte("log")})
	return nil
}

func newTestHandler(t testing.TB) *Handler {
	h := NewHandler(mirror{}, Identity{ARN: "arn:aws:lambda:us-east-1:123456789012:function:test", Version: "$LATEST"})
	t.Cleanup(h.Close)
	return h
}

// FuzzInvokeAPI sends requests of every shape. What is no JSON never reaches the
// function, what is comes back, and every other answer is an AWS document.
func FuzzInvokeAPI(f *testing.F) {
	const path = "/2015-03-31/functions/test/invocations"
	f.Add("POST", path, "", "", "", []byte(`{"a":1}`))
	f.Add("POST", path, "Qualifier=live", "RequestResponse", "e30=", []byte(``))
	f.Add("POST", path, "", "Event", "", []byte(`[]`))
	f.Add("POST", path, "", "DryRun", "%", []byte(`{`))
	f.Add("POST", path, "", "", "eyJhIjoi/yJ9", []byte("\"\xff\""))
	f.Add("POST", "/2021-11-15/functions/a:b/response-streaming-invocations", "", "", "", []byte(`"x"`))
	f.Add("POST", "/2014-11-13/functions/test/invoke-async", "", "", "", []byte(`null`))
	f.Add("OPTIONS", "/", "", "", "", []byte(nil))
	f.Add("GET", "/2015-03-31/functions/arn:aws:lambda:us-east-1:123456789012:function:f:1/invocations", "a=%", "", "", []byte(nil))
	h := newTestHandler(f)
	f.Fuzz(func(t *testing.T, method, path, query, kind, client string, body []byte) {
		if method == "" || path == "" || path[0] != '/' {
			t.Skip()
		}
		r := &http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Header: http.Header{},
			Body: http.NoBody, ContentLength: int64(len(body)), ProtoMajor: 1, ProtoMinor: 1}
		r.Body = readCloser{bytes.NewReader(body)}
		r.Header["X-Amz-Invocation-Type"] = []string{kind}
		r.Header["X-Amz-Client-Context"] = []string{client}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		switch {
		case w.Header().Get("X-Amzn-Errortype") != "":
			var document struct{ Message string }
			if w.Code < 400 || json.Unmarshal(w.Body.Bytes(), &document) != nil || document.Message == "" {
				t.Fatalf("refused with %d %q", w.Code, w.Body)
			}
		case w.Header().Get("X-Amz-Executed-Version") != "" && len(body) > 0 && !jsonvalid.Valid(body):
			t.Fatalf("the function got %q", body)
		}
	})
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

func TestParseName(t *testing.T) {
	for name, c := range map[string]struct {
		qualifier string
		ok        bool
	}{
		"f": {"", true}, "f:1": {"1", true}, "f:$LATEST": {"$LATEST", true}, "f:$LATEST.PUBLISHED": {"$LATEST.PUBLISHED", true},
		"123456789012:f": {"", true}, "123456789012:function:f:live": {"live", true}, "function:f": {"", true},
		"function": {"", true}, "function:1": {"", true}, "123456789012": {"", true},
		"us-east-1:123456789012:function:f":                {"", true},
		"arn:aws:lambda:us-east-1:123456789012:function:f": {"", true}, "arn:aws-cn:lambda:cn-north-1:123456789012:function:f:2": {"2", true},
		"": {"", false}, ":": {"", false}, "f:": {"", false}, "f:g:h": {"", false}, "a b": {"", false}, "f:$OLDEST": {"", false},
		"arn:aws:s3:::bucket": {"", false}, "arn:aws:lambda:f": {"", false}, "é": {"", false},
	} {
		qualifier, ok := parseName(name)
		if ok != c.ok || ok && qualifier != c.qualifier {
			t.Errorf("parseName(%q) = %q, %v", name, qualifier, ok)
		}
	}
}
