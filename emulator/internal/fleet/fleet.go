// Package fleet keeps the sandboxes of one function: as many as are wanted at
// once, started on demand, replaced when they break or when the code changes.
package fleet

import (
	"context"
	"errors"
	"sync"
	"time"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/sandbox"
)

var (
	// ErrThrottled: all sandboxes are busy and Options.Throttle is set.
	ErrThrottled = errors.New("all sandboxes are busy")
	// ErrClosed: the fleet is shutting down.
	ErrClosed = errors.New("the emulator is shutting down")
)

// Options configure a fleet.
type Options struct {
	Spec      sandbox.Spec
	Size      int           // the most sandboxes at once
	Throttle  bool          // refuse rather than queue when all are busy
	Addresses []string      // where the first sandbox may serve its API
	InitLimit time.Duration // for an init phase before the first invocation
}

// Fleet is the set of sandboxes. Its methods may be called concurrently.
type Fleet struct {
	options Options
	tasks   sync.WaitGroup // sandboxes starting ahead of time, or ending

	mu     sync.Mutex
	slots  []*slot
	queue  []chan *slot // callers waiting for a slot, the longest first
	held   bool         // nothing new is started until Reload
	closed bool
}

// slot is a place for a sandbox. The fleet's mutex guards it.
type slot struct {
	addresses []string
	users     int
	stale     bool // the sandbox in use here is to be replaced after its last user
	life      *life
	last      *life // the one before, which may still be ending
}

// life is a sandbox from the decision to start it to its end.
type life struct {
	before  *life         // in the same slot; it may still be ending
	started chan struct{} // closed when the next two are set
	sandbox *sandbox.Sandbox
	err     error

	retired bool          // guarded by the fleet's mutex
	ended   chan struct{} // closed when nothing is left of it
}

// New returns a fleet without any sandbox yet.
func New(o Options) *Fleet {
	f := &Fleet{options: o}
	for i := range o.Size {
		s := &slot{addresses: []string{"127.0.0.1:0"}}
		if i == 0 {
			s.addresses = o.Addresses
		}
		f.slots = append(f.slots, s)
	}
	return f
}

// Invoke runs an invocation in a sandbox of its own, or one that takes several.
// Unless it returns an error, it has given the answer. ctx matters only as long
// as it waits for a sandbox.
func (f *Fleet) Invoke(ctx context.Context, inv *lambda.Invocation, answer func(lambda.Result)) error {
	s, err := f.acquire(ctx, f.options.Throttle && !inv.Patient)
	if err != nil {
		return err
	}
	defer f.release(s)
	f.invokeIn(s, inv, answer)
	return nil
}

// invokeIn tries until the invocation has reached a runtime. Initialisation that
// exceeds its limit is done once more on the function's own time. [aws]
func (f *Fleet) invokeIn(s *slot, inv *lambda.Invocation, answer func(lambda.Result)) {
	const attempts = 3
	limit, ownTime := f.options.InitLimit, false
	for range attempts {
		l := f.enter(s, limit)
		switch {
		case l.err == ErrClosed:
			answer(lambda.Interrupted(inv.ID).Result())
			return
		case l.err != nil:
			f.retire(s, l)
			answer(lambda.NoBootstrap(inv.ID, l.err).Result())
			return
		}
		verdict := l.sandbox.Invoke(inv, answer)
		if verdict == sandbox.Healthy {
			return
		}
		if verdict == sandbox.SlowInit && ownTime {
			l.sandbox.TimedOut(inv, answer)
			verdict = sandbox.Broken
		}
		f.retire(s, l)
		switch verdict {
		case sandbox.Broken:
			return
		case sandbox.SlowInit:
			ownTime, limit = true, f.options.Spec.Timeout
		}
	}
	answer(lambda.Exited(inv.ID, "").Result())
}

// Warm starts the first sandbox ahead of its first invocation. One that fails
// is dropped: the first invocation tries again and reports.
func (f *Fleet) Warm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed && f.slots[0].life == nil {
		f.warm(f.slots[0])
	}
}

// warm starts the sandbox of an empty slot in the background. The fleet is
// locked.
func (f *Fleet) warm(s *slot) {
	l := f.create(s)
	f.tasks.Go(func() {
		f.start(s, l, f.options.InitLimit)
		if l.err != nil || !l.sandbox.Ready() {
			f.retire(s, l)
		}
	})
}

// Hold makes new invocations wait for the next Reload.
func (f *Fleet) Hold() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = true
}

// Reload replaces every sandbox: an idle one now, a busy one when it has
// answered.
func (f *Fleet) Reload() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.held = false
	defer f.handOut()
	for _, s := range f.slots {
		switch {
		case s.life == nil || f.closed:
		case s.users > 0:
			s.stale = true
		default:
			f.renew(s)
		}
	}
}

// renew ends the sandbox of an idle slot and starts the next. The fleet is
// locked.
func (f *Fleet) renew(s *slot) {
	s.stale = false
	if s.life != nil {
		f.end(s, s.life)
	}
	f.warm(s)
}

// Close ends all sandboxes and waits for them. Invocations in them are answered
// with an error, those that wait get ErrClosed.
func (f *Fleet) Close() {
	f.mu.Lock()
	f.closed = true
	for _, waiter := range f.queue {
		close(waiter)
	}
	f.queue = nil
	for _, s := range f.slots {
		if s.life != nil {
			f.end(s, s.life)
		}
	}
	f.mu.Unlock()
	f.tasks.Wait()
}
