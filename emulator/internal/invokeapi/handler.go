// Package invokeapi is the public side of the emulator: Lambda's Invoke API as
// the AWS SDKs, the AWS CLI and curl call it.
package invokeapi

import (
	"context"
	"net/http"
	"strings"

	"lambda-factory/emulator/internal/lambda"
)

// Function runs invocations. Invoke calls answer once unless it returns an
// error, and may return some time after that.
type Function interface {
	Invoke(ctx context.Context, inv *lambda.Invocation, answer func(lambda.Result)) error
}

// Identity is what the function is called, and what invocations carry unless
// their request says otherwise.
type Identity struct {
	ARN             string
	Version         string
	TraceID         string
	ClientContext   string
	CognitoIdentity string
}

// Handler serves the API.
type Handler struct {
	function Function
	identity Identity
	events   *events
}

// NewHandler serves the API for one function, whatever name it is called by.
func NewHandler(f Function, id Identity) *Handler {
	return &Handler{function: f, identity: id, events: newEvents(f)}
}

// Close drops the Event invocations that are waiting and waits for the others.
func (h *Handler) Close() { h.events.close() }

// operation is a kind of invocation, recognised by its path.
type operation struct {
	prefix, suffix string
	serve          func(*Handler, http.ResponseWriter, *http.Request, string) *problem
}

var operations = [...]operation{
	{"/2015-03-31/functions/", "/invocations", (*Handler).invoke},
	{"/2021-11-15/functions/", "/response-streaming-invocations", (*Handler).invokeStream},
	{"/2014-11-13/functions/", "/invoke-async", (*Handler).invokeAsync},
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header["Origin"] != nil || r.Method == http.MethodOptions {
		if done := cors(w, r); done {
			return
		}
	}
	if p := h.route(w, r); p != nil {
		w.Header()["X-Amzn-Requestid"] = []string{lambda.NewID()}
		p.write(w)
	}
}

func (h *Handler) route(w http.ResponseWriter, r *http.Request) *problem {
	path := r.URL.Path
	for _, o := range operations {
		name, fits := strings.CutPrefix(path, o.prefix)
		if !fits {
			continue
		}
		if name, fits = strings.CutSuffix(name, o.suffix); !fits {
			continue
		}
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			return wrongMethod(r.Method)
		}
		return o.serve(h, w, r, name)
	}
	if path == "/2018-06-01/ping" {
		_, _ = w.Write([]byte("pong"))
		return nil
	}
	return unknownPath(path)
}

// cors lets pages of any origin call the API, with docker-lambda's headers. It
// tells whether the request was a preflight, and so is answered.
func cors(w http.ResponseWriter, r *http.Request) (done bool) {
	preflight := r.Method == http.MethodOptions
	if r.Header.Get("Origin") == "" {
		if preflight {
			w.WriteHeader(http.StatusForbidden)
		}
		return preflight
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,Date,"+
		"x-amz-log-result,x-amz-function-error,x-amz-executed-version")
	if !preflight {
		return false
	}
	h["X-Amzn-Requestid"] = []string{lambda.NewID()}
	h.Set("Access-Control-Max-Age", "172800")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	if asked := r.Header.Get("Access-Control-Request-Method"); asked != "" {
		h.Set("Access-Control-Allow-Methods", asked)
	}
	w.WriteHeader(http.StatusOK)
	return true
}
