package invokeapi

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"lambda-factory/emulator/internal/lambda"
)

// Event invocations: how often a failed one is tried again [d], and how many
// may wait.
const (
	eventRetries = 2
	eventsAtOnce = 1000
)

var errTooManyEvents = errors.New("too many Event invocations are waiting")

// events are the asynchronous invocations under way.
type events struct {
	function Function
	ctx      context.Context
	cancel   context.CancelFunc
	places   chan struct{}
	running  sync.WaitGroup
}

func newEvents(f Function) *events {
	ctx, cancel := context.WithCancel(context.Background())
	return &events{function: f, ctx: ctx, cancel: cancel, places: make(chan struct{}, eventsAtOnce)}
}

// add begins an invocation that nobody waits for. Lambda waits a minute or two
// before it tries again; here that would only keep a developer waiting.
func (e *events) add(inv *lambda.Invocation) error {
	inv.Patient = true
	select {
	case e.places <- struct{}{}:
	default:
		return errTooManyEvents
	}
	e.running.Go(func() {
		defer func() { <-e.places }()
		for range 1 + eventRetries {
			failed := true
			_ = e.function.Invoke(e.ctx, inv, func(result lambda.Result) { failed = result.Failed })
			if !failed || e.ctx.Err() != nil {
				return
			}
		}
	})
	return nil
}

func (e *events) close() {
	e.cancel()
	e.running.Wait()
}

// enqueue accepts an Event invocation.
func (h *Handler) enqueue(w http.ResponseWriter, inv *lambda.Invocation) *problem {
	if err := h.events.add(inv); err != nil {
		return refusal(err)
	}
	h.head(w, inv)
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// invokeAsync serves InvokeAsync, the deprecated ancestor of Event invocations.
func (h *Handler) invokeAsync(w http.ResponseWriter, r *http.Request, name string) *problem {
	inv, p := h.invocation(w, r, name, lambda.MaxAsyncRequest)
	if p != nil {
		return p
	}
	if err := h.events.add(inv); err != nil {
		return refusal(err)
	}
	h.head(w, inv)
	w.Header()["Content-Type"] = contentTypeJSON
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{"Status":202}`))
	return nil
}
