// Package runtimeapi speaks Lambda's Runtime API, version 2018-06-01, with one
// runtime process during its whole life.
package runtimeapi

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"lambda-factory/emulator/internal/lambda"
)

// Call is one invocation inside one runtime.
type Call struct {
	Invocation *lambda.Invocation
	Deadline   time.Time
	External   bool // the runtime is not a child of the emulator
	answer     chan lambda.Result
	fetched    atomic.Bool
}

// NewCall prepares an invocation for Session.Deliver.
func NewCall(inv *lambda.Invocation, deadline time.Time, external bool) *Call {
	return &Call{Invocation: inv, Deadline: deadline, External: external, answer: make(chan lambda.Result, 1)}
}

// Fetched tells whether the runtime has come for the call. If it has not, and is
// gone, the call may be made again elsewhere.
func (c *Call) Fetched() bool { return c.fetched.Load() }

// Answer receives what the runtime made of the invocation, once.
func (c *Call) Answer() <-chan lambda.Result { return c.answer }

// errGone ends a request for an event whose sender has gone away, or whose
// session has.
var errGone = errors.New("nobody waits for the event")

// Session is the state of the conversation with one runtime process.
type Session struct {
	width     int
	snapStart bool
	idle      chan struct{}      // a token for each /next that waits
	queue     chan *Call         // delivered, not yet fetched
	initError chan lambda.Result // at most one
	began     chan struct{}      // closed when the runtime asks for its first event
	ended     chan struct{}

	mu       sync.Mutex
	started  bool // the runtime has asked for an event: initialisation is over
	failed   bool // the runtime has reported an initialisation error
	running  map[string]*Call
	answered string // the id of the last call that was answered
}

// NewSession begins a conversation with a runtime that may hold up to width
// invocations at once, and, with snapStart, asks to be restored first.
func NewSession(width int, snapStart bool) *Session {
	return &Session{
		width:     width,
		snapStart: snapStart,
		idle:      make(chan struct{}, width),
		queue:     make(chan *Call, width),
		initError: make(chan lambda.Result, 1),
		began:     make(chan struct{}),
		ended:     make(chan struct{}),
		running:   make(map[string]*Call, width),
	}
}

// Idle gives a token when the runtime asks for an event that it has not got yet.
// Who takes the token delivers a call or gives it back with Return.
func (s *Session) Idle() <-chan struct{} { return s.idle }

// Return gives back a token that Idle gave.
func (s *Session) Return() {
	select {
	case s.idle <- struct{}{}:
	default: // another /next has come meanwhile
	}
}

// Deliver hands a call to the runtime. The caller holds a token, of which there
// are no more than the queue has places.
func (s *Session) Deliver(c *Call) {
	select {
	case s.queue <- c:
	case <-s.ended:
	}
}

// InitError receives the error that the runtime reported instead of asking for
// its first event.
func (s *Session) InitError() <-chan lambda.Result { return s.initError }

// End releases every waiting /next.
func (s *Session) End() { close(s.ended) }

// Began is closed when the runtime has asked for its first event.
func (s *Session) Began() <-chan struct{} { return s.began }

// fetch waits for an event. The runtime may wait for hours, and it may go away
// while it waits: who is not alive is given none.
func (s *Session) fetch(ctx context.Context, alive func() bool) (*Call, error) {
	call, err := s.begin()
	if call != nil || err != nil {
		return call, err
	}
	if call, err = s.await(ctx); err != nil {
		return nil, err
	}
	if !alive() {
		s.queue <- call // it has come from there, so there is a place
		return nil, errGone
	}
	s.run(call)
	return call, nil
}

// watchAfter is how long a request waits before anybody looks whether its sender
// is still there. Looking costs more than most waits.
const watchAfter = time.Second

func (s *Session) await(ctx context.Context) (*Call, error) {
	select {
	case call := <-s.queue: // left behind by a /next that was cut off
		return call, nil
	default:
	}
	s.Return()
	timer := time.NewTimer(watchAfter)
	defer timer.Stop()
	select {
	case call := <-s.queue:
		return call, nil
	case <-s.ended:
		return nil, errGone
	case <-timer.C:
	}
	select {
	case call := <-s.queue:
		return call, nil
	case <-ctx.Done():
	case <-s.ended:
	}
	select {
	case <-s.idle: // nobody is to count on this request any more
	default:
	}
	return nil, errGone
}

// begin notes that the runtime has come for an event. It returns the call that
// this runtime is already at work on: such a runtime is given its event again.
func (s *Session) begin() (again *Call, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed {
		return nil, transition("InitError", "Ready")
	}
	if !s.started {
		s.started = true
		close(s.began)
	}
	if s.width == 1 {
		for _, call := range s.running {
			return call, nil
		}
	}
	return nil, nil
}

func (s *Session) run(c *Call) {
	c.fetched.Store(true)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[c.Invocation.ID] = c
}

// claim takes a running call for the one request that may answer it.
func (s *Session) claim(id, to string) (*Call, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if call, found := s.running[id]; found {
		delete(s.running, id)
		s.answered = id
		return call, nil
	}
	if id == s.answered && id != "" {
		return nil, transition("RuntimeResponseSentState", to)
	}
	return nil, errInvalidRequestID
}

// unclaim gives a call back whose answer did not arrive whole.
func (s *Session) unclaim(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running[c.Invocation.ID] = c
	s.answered = ""
}

func (s *Session) failInit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.failed:
		return transition("InitError", "InitError")
	case s.started:
		return transition("Ready", "InitError")
	}
	s.failed = true
	return nil
}
