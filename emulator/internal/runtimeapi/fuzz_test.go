package runtimeapi

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"lambda-factory/emulator/internal/lambda"
)

// FuzzRuntimeAPI plays a runtime that does things in any order. No call is ever
// answered twice, none that was delivered is lost, and every status is one that
// runtimes know.
func FuzzRuntimeAPI(f *testing.F) {
	f.Add([]byte{0, 1}, []byte(`{}`), "")
	f.Add([]byte{0, 0, 2, 1, 0, 3, 1}, []byte(`not json`), "streaming")
	f.Add([]byte{4, 0, 1}, []byte(nil), "buffered")
	f.Add([]byte{5, 6, 7, 0, 7, 1}, []byte(`{"errorType":"T"}`), "other")
	f.Fuzz(func(t *testing.T, steps, body []byte, mode string) {
		if len(steps) > 50 {
			t.Skip()
		}
		p := player{t: t, s: NewSession(1, true), body: body, mode: mode}
		defer p.s.End()
		for _, step := range steps {
			p.step(step)
		}
		p.check()
	})
}

// player is the runtime and, between its steps, the one who invokes.
type player struct {
	t       *testing.T
	s       *Session
	body    []byte
	mode    string
	current *Call // delivered, not answered
	failed  bool
}

func (p *player) send(method, path string) int {
	r := httptest.NewRequest(method, "/2018-06-01/runtime/"+path, bytes.NewReader(p.body))
	r.Header["Lambda-Runtime-Function-Response-Mode"] = []string{p.mode}
	w := httptest.NewRecorder()
	p.s.ServeHTTP(w, r)
	switch w.Code {
	case 200, 202, 400, 403, 404, 405, 413:
	default:
		p.t.Fatalf("%s %s: status %d", method, path, w.Code)
	}
	return w.Code
}

func (p *player) id() string {
	if p.current == nil {
		return "none"
	}
	return p.current.Invocation.ID
}

func (p *player) step(step byte) {
	switch step % 8 {
	case 0:
		p.next()
	case 1, 2:
		path := "/response"
		if step%8 == 2 {
			path = "/error"
		}
		status := p.send(http.MethodPost, "invocation/"+p.id()+path)
		if p.current == nil && status == 202 {
			p.t.Fatal("an answer to nothing was accepted")
		}
		if status == 202 {
			p.take()
		}
	case 3:
		if p.send(http.MethodPost, "invocation/"+lambda.NewID()+"/response") == 202 {
			p.t.Fatal("an unknown id was accepted")
		}
	case 4:
		p.failed = p.send(http.MethodPost, "init/error") == 202 || p.failed
	case 5:
		p.send(http.MethodGet, "restore/next")
	case 6:
		p.send(http.MethodPut, "invocation/next")
	case 7:
		p.send(http.MethodGet, "invocation/"+p.id()+"/response")
	}
}

// next fetches an event; there always is one, so that it need not wait.
func (p *player) next() {
	if p.current == nil && !p.failed {
		p.current = NewCall(&lambda.Invocation{ID: lambda.NewID(), Payload: []byte("{}")}, time.Now(), false)
		p.s.Deliver(p.current)
	}
	switch status := p.send(http.MethodGet, "invocation/next"); {
	case p.failed && status != 403:
		p.t.Fatalf("after an init error: status %d", status)
	case !p.failed && status != 200:
		p.t.Fatalf("status %d", status)
	}
}

func (p *player) take() {
	select {
	case <-p.current.Answer():
		p.current = nil
	default:
		p.t.Fatal("accepted, and no answer")
	}
}

func (p *player) check() {
	if p.current != nil {
		select {
		case <-p.current.Answer():
			p.t.Fatal("an answer that the runtime was not told of")
		default:
		}
	}
}
