package runtimeapi

import (
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/refusal"
)

// Prefix begins every path of this API.
const Prefix = "/2018-06-01/"

// Shared header values and bodies; nobody changes them.
var (
	contentTypeJSON = []string{"application/json"}
	accepted        = []byte("{\"status\":\"OK\"}\n")
)

// ServeHTTP answers one request of the runtime.
func (s *Session) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, Prefix)
	if !ok {
		refusal.Write(w, refusal.NotFound)
		return
	}
	switch path {
	case "ping":
		s.only(http.MethodGet, s.ping, w, r)
	case "runtime/invocation/next":
		s.only(http.MethodGet, s.next, w, r)
	case "runtime/init/error":
		s.only(http.MethodPost, s.initFailed, w, r)
	case "runtime/restore/next":
		s.restore(http.MethodGet, s.restoreNext, w, r)
	case "runtime/restore/error":
		s.restore(http.MethodPost, s.initFailed, w, r)
	default:
		s.serveInvocation(path, w, r)
	}
}

// restore serves the routes that exist under SnapStart only.
func (s *Session) restore(method string, handle http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if !s.snapStart {
		refusal.Write(w, refusal.NotFound)
		return
	}
	s.only(method, handle, w, r)
}

// restoreNext lets a runtime that has taken its snapshot go on at once: there is
// none to come back from.
func (s *Session) restoreNext(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = contentTypeJSON
	_, _ = io.WriteString(w, "{}")
}

func (s *Session) serveInvocation(path string, w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(path, "runtime/invocation/")
	id, action, two := strings.Cut(rest, "/")
	switch {
	case ok && two && action == "response":
		s.only(http.MethodPost, func(w http.ResponseWriter, r *http.Request) { s.response(id, w, r) }, w, r)
	case ok && two && action == "error":
		s.only(http.MethodPost, func(w http.ResponseWriter, r *http.Request) { s.failure(id, w, r) }, w, r)
	default:
		refusal.Write(w, refusal.NotFound)
	}
}

func (s *Session) only(method string, handle http.HandlerFunc, w http.ResponseWriter, r *http.Request) {
	if r.Method != method {
		w.Header().Set("Allow", method)
		refusal.Write(w, refusal.Method)
		return
	}
	handle(w, r)
}

func (s *Session) ping(w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, "pong")
}

func (s *Session) next(w http.ResponseWriter, r *http.Request) {
	alive := func() bool { return true }
	if c, ok := w.(interface{ Alive() bool }); ok {
		alive = c.Alive
	}
	switch call, err := s.fetch(r.Context(), alive); err {
	case nil:
		sendEvent(w, call)
	case errGone:
		panic(http.ErrAbortHandler) // close the connection: any answer would be an event
	default:
		refusal.Write(w, err)
	}
}

func sendEvent(w http.ResponseWriter, c *Call) {
	inv, h := c.Invocation, w.Header()
	// Keys in canonical form, set without the cost of making them so.
	h["Lambda-Runtime-Aws-Request-Id"] = []string{inv.ID}
	h["Lambda-Runtime-Deadline-Ms"] = []string{strconv.FormatInt(c.Deadline.UnixMilli(), 10)}
	h["Lambda-Runtime-Invoked-Function-Arn"] = []string{inv.FunctionARN}
	set := func(key, value string) {
		if value != "" {
			h[key] = []string{value}
		}
	}
	set("Lambda-Runtime-Trace-Id", inv.TraceID)
	set("Lambda-Runtime-Client-Context", inv.ClientContext)
	set("Lambda-Runtime-Cognito-Identity", inv.CognitoIdentity)
	set("Lambda-Runtime-Aws-Tenant-Id", inv.TenantID)
	if c.External && inv.WantLogTail {
		set("Docker-Lambda-Log-Type", "Tail")
	}
	h["Content-Type"] = contentTypeJSON
	set("Content-Type", inv.ContentType)
	h["Content-Length"] = []string{strconv.Itoa(len(inv.Payload))}
	_, _ = w.Write(inv.Payload) // a runtime that is gone is noticed by its exit
}

func (s *Session) response(id string, w http.ResponseWriter, r *http.Request) {
	mode := r.Header.Get("Lambda-Runtime-Function-Response-Mode")
	streaming := strings.EqualFold(mode, "streaming")
	if mode != "" && !streaming && !strings.EqualFold(mode, "buffered") {
		refusal.Write(w, errInvalidMode)
		return
	}
	call, err := s.claim(id, "InvocationResponse")
	if err != nil {
		refusal.Write(w, err)
		return
	}
	receive := receiveBuffered
	if streaming || call.Invocation.Stream != nil {
		receive = receiveStream
	}
	result, err := receive(call.Invocation, r)
	s.finish(call, result, err, w, r)
}

// finish answers both sides. err is what the runtime is told; a truncated
// request leaves the call open, any other one decides it.
func (s *Session) finish(c *Call, result lambda.Result, err error, w http.ResponseWriter, r *http.Request) {
	if c.External {
		result.Hints = readHints(r.Header)
	}
	if err == errTruncated {
		s.unclaim(c)
		refusal.Write(w, err)
		return
	}
	c.answer <- result
	if err != nil {
		refusal.Write(w, err)
		return
	}
	accept(w)
}

func (s *Session) failure(id string, w http.ResponseWriter, r *http.Request) {
	call, err := s.claim(id, "InvocationErrorResponse")
	if err != nil {
		refusal.Write(w, err)
		return
	}
	result, err := receiveError(r)
	s.finish(call, result, err, w, r)
}

func (s *Session) initFailed(w http.ResponseWriter, r *http.Request) {
	if err := s.failInit(); err != nil {
		refusal.Write(w, err)
		return
	}
	result, err := receiveError(r)
	if err != nil {
		result = lambda.Failure{Type: "Runtime.Unknown", Message: err.Error()}.Result()
	}
	s.initError <- result
	accept(w)
}

// readHints reads what runtimes that are their own parents say in docker-lambda's
// headers: there is no pipe to read their log from, and they know best when
// their initialisation ended. What cannot be understood is passed over.
func readHints(h http.Header) *lambda.Hints {
	hints := &lambda.Hints{
		InvokeWait: readMillis(h.Get("Docker-Lambda-Invoke-Wait")),
		InitEnd:    readMillis(h.Get("Docker-Lambda-Init-End")),
	}
	if log, err := base64.StdEncoding.DecodeString(h.Get("Docker-Lambda-Log-Result")); err == nil {
		hints.Log = log[max(0, len(log)-lambda.LogTailSize):]
	}
	return hints
}

func readMillis(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n)
}

func accept(w http.ResponseWriter) {
	w.Header()["Content-Type"] = contentTypeJSON
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(accepted)
}
