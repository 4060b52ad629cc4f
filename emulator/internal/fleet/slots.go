package fleet

import (
	"context"
	"time"

	"lambda-factory/emulator/internal/sandbox"
)

// free tells whether a slot takes one more user.
func (s *slot) free(width int) bool { return !s.stale && s.users < width }

// acquire takes a place in a slot: in a running sandbox if there is one, else in
// an empty slot, else, unless it is to throttle, when one is released.
func (f *Fleet) acquire(ctx context.Context, throttle bool) (*slot, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	if s := f.pick(); s != nil {
		s.users++
		f.mu.Unlock()
		return s, nil
	}
	if throttle && !f.held {
		f.mu.Unlock()
		return nil, ErrThrottled
	}
	waiter := make(chan *slot, 1)
	f.queue = append(f.queue, waiter)
	f.mu.Unlock()
	return f.await(ctx, waiter)
}

func (f *Fleet) await(ctx context.Context, waiter chan *slot) (*slot, error) {
	select {
	case s, open := <-waiter:
		if !open {
			return nil, ErrClosed
		}
		return s, nil
	case <-ctx.Done():
	}
	f.mu.Lock()
	for i, other := range f.queue {
		if other == waiter {
			f.queue = append(f.queue[:i], f.queue[i+1:]...)
			f.mu.Unlock()
			return nil, ctx.Err()
		}
	}
	f.mu.Unlock()
	if s, open := <-waiter; open { // it was handed over at this very moment
		f.release(s)
	}
	return nil, ctx.Err()
}

// pick finds the slot for the next user. The fleet is locked.
func (f *Fleet) pick() *slot {
	if f.held {
		return nil
	}
	var empty *slot
	for _, s := range f.slots {
		switch {
		case !s.free(f.options.Spec.Width):
		case s.life != nil:
			return s
		case empty == nil:
			empty = s
		}
	}
	return empty
}

// release gives a place back.
func (f *Fleet) release(s *slot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.users--
	if f.closed {
		return
	}
	if s.stale && s.users == 0 {
		f.renew(s)
	}
	f.handOut()
}

// handOut gives free places to those who wait longest. The fleet is locked.
func (f *Fleet) handOut() {
	for len(f.queue) > 0 {
		s := f.pick()
		if s == nil {
			return
		}
		s.users++
		f.queue[0] <- s
		f.queue = f.queue[1:]
	}
}

// enter returns the running sandbox of an acquired slot, starting it if there is
// none.
func (f *Fleet) enter(s *slot, limit time.Duration) *life {
	f.mu.Lock()
	l := s.life
	if l != nil {
		f.mu.Unlock()
		<-l.started
		return l
	}
	l = f.create(s)
	f.mu.Unlock()
	f.start(s, l, limit)
	return l
}

// create decides on a sandbox for an empty slot. The fleet is locked.
func (f *Fleet) create(s *slot) *life {
	l := &life{before: s.last, started: make(chan struct{}), ended: make(chan struct{})}
	if f.closed {
		l.err, l.retired = ErrClosed, true
	} else {
		s.life, s.last = l, nil
	}
	return l
}

// start makes what create has decided on.
func (f *Fleet) start(s *slot, l *life, limit time.Duration) {
	defer close(l.started)
	if l.err != nil {
		return
	}
	if l.before != nil {
		<-l.before.ended // it may hold an address
		l.before = nil
	}
	l.sandbox, l.err = sandbox.Start(f.options.Spec, s.addresses, limit)
}

// retire ends a sandbox that is of no more use.
func (f *Fleet) retire(s *slot, l *life) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.end(s, l)
}

// end takes a life out of its slot and stops it in the background. The fleet is
// locked.
func (f *Fleet) end(s *slot, l *life) {
	if l.retired {
		return
	}
	l.retired = true
	s.life, s.last = nil, l
	f.tasks.Go(func() {
		defer close(l.ended)
		<-l.started
		if l.sandbox != nil {
			l.sandbox.Stop()
		}
	})
}
