// Package extensions speaks Lambda's Extensions API, version 2020-01-01, with
// the extensions of one sandbox: programs beside the runtime (external ones) or
// threads inside of it (internal ones).
package extensions

import (
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/refusal"
)

// maxExtensions may register in one sandbox. [d]
const maxExtensions = 10

// Events that an extension may ask for. [d]
const (
	invoke   = "INVOKE"
	shutdown = "SHUTDOWN"
)

// Function is what extensions are told of the function.
type Function struct{ Name, Version, Handler, Account string }

// Registry knows the extensions of a sandbox.
type Registry struct {
	function   Function
	registered chan struct{} // closed when all expected extensions have registered
	failed     chan lambda.Failure
	ended      chan struct{}
	announce   func(name string, events []string, state string)

	mu      sync.Mutex
	byID    map[string]*extension
	byName  map[string]*extension
	missing int  // expected, not yet registered
	closed  bool // to further registrations
	busy    int  // not waiting for an event
	quiet   chan struct{}
}

type extension struct {
	id, name string
	external bool
	events   []string
	state    string
	inbox    chan []byte // at most one event
}

// States, as error messages name them. (RIE)
const (
	started    = "Started"
	registered = "Registered"
	ready      = "Ready"
	running    = "Running"
	failedInit = "InitError"
	failedExit = "ExitError"
)

// NewRegistry returns an empty registry. announce is told of what extensions do.
func NewRegistry(f Function, announce func(name string, events []string, state string)) *Registry {
	r := &Registry{
		function:   f,
		announce:   announce,
		registered: make(chan struct{}),
		failed:     make(chan lambda.Failure, 1),
		ended:      make(chan struct{}),
		byID:       map[string]*extension{},
		byName:     map[string]*extension{},
		quiet:      make(chan struct{}),
	}
	close(r.quiet)
	return r
}

// Expect announces external extensions that are about to be started.
func (r *Registry) Expect(names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		r.insert(&extension{name: name, external: true, state: started})
		r.missing++
		r.work(1)
	}
	if r.missing == 0 {
		close(r.registered)
	}
}

func (r *Registry) insert(e *extension) {
	e.id, e.inbox = lambda.NewID(), make(chan []byte, 1)
	r.byID[e.id], r.byName[e.name] = e, e
}

// work counts extensions that begin or end work. The registry is locked.
func (r *Registry) work(n int) {
	before := r.busy
	r.busy += n
	switch {
	case before == 0 && r.busy > 0:
		r.quiet = make(chan struct{})
	case before > 0 && r.busy == 0:
		close(r.quiet)
	}
}

// Registered is closed when all expected extensions have registered.
func (r *Registry) Registered() <-chan struct{} { return r.registered }

// Failed receives the first failure of an extension.
func (r *Registry) Failed() <-chan lambda.Failure { return r.failed }

// Quiet returns a channel that is closed while every extension waits for an
// event.
func (r *Registry) Quiet() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.quiet
}

// Any tells whether there are extensions, and whether external ones.
func (r *Registry) Any() (any, external bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.byName {
		external = external || e.external
	}
	return len(r.byName) > 0, external
}

// Close refuses further registrations: the init phase is over.
func (r *Registry) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// End releases every request that waits.
func (r *Registry) End() { close(r.ended) }

// Crash notes that the process of an external extension has ended.
func (r *Registry) Crash(name, reason string) {
	if reason == "" {
		reason = "exit status 0"
	}
	r.Fail(lambda.Failure{Type: "Extension.Crash", Message: "extension " + name + ": " + reason})
}

// Fail notes that an extension cannot do its work.
func (r *Registry) Fail(f lambda.Failure) {
	select {
	case r.failed <- f:
	default: // the first one counts
	}
}

// Invoke sends an invocation to the extensions that asked for those.
func (r *Registry) Invoke(inv *lambda.Invocation, deadline time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.byID) == 0 {
		return
	}
	r.send(invoke, map[string]any{
		"eventType":          invoke,
		"deadlineMs":         deadline.UnixMilli(),
		"requestId":          inv.ID,
		"invokedFunctionArn": inv.FunctionARN,
		"tracing":            map[string]string{"type": "X-Amzn-Trace-Id", "value": inv.TraceID},
	})
}

// Shutdown sends the last event. It tells which extensions get none and so have
// nothing to wait for.
func (r *Registry) Shutdown(reason string, deadline time.Time) (unasked []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.byName {
		if !slices.Contains(e.events, shutdown) {
			unasked = append(unasked, e.name)
		}
		select {
		case <-e.inbox: // an invocation that it will not see any more
		default:
		}
	}
	r.send(shutdown, map[string]any{
		"eventType": shutdown, "shutdownReason": reason, "deadlineMs": deadline.UnixMilli(),
	})
	return unasked
}

// send puts an event into the inboxes. The registry is locked.
func (r *Registry) send(kind string, event map[string]any) {
	content, err := json.Marshal(event)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	for _, e := range r.byID {
		if !slices.Contains(e.events, kind) {
			continue
		}
		select {
		case e.inbox <- content:
			if e.state == ready {
				e.state = running
				r.work(1)
			}
		default: // it is late by a whole event
		}
	}
}

// find returns the extension that a request comes from.
func (r *Registry) find(id string) (*extension, error) {
	switch {
	case id == "":
		return nil, refusal.New(http.StatusForbidden, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	case !isUUID(id):
		return nil, refusal.New(http.StatusForbidden, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
	}
	if e, found := r.byID[id]; found && e.state != started {
		return e, nil
	}
	return nil, refusal.New(http.StatusForbidden, "Extension.UnknownExtensionIdentifier", "Unknown extension %s", id)
}

// Name returns the name of the extension that made a request.
func (r *Registry) Name(id string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, err := r.find(id)
	if err != nil {
		return "", err
	}
	return e.name, nil
}

func isUUID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F') {
			return false
		}
	}
	return len(s) == 36
}
