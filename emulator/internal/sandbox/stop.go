package sandbox

import (
	"context"
	"syscall"
	"time"
)

// Reasons of a shutdown, as extensions are told. [d]
const (
	spindown = "spindown"
	timedOut = "timeout"
	failure  = "failure"
)

// How long a shutdown may take. [d]
const (
	runtimeGrace  = 300 * time.Millisecond // for the runtime, if there are external extensions
	internalGrace = 500 * time.Millisecond // if there are internal ones only
	wholeGrace    = 2 * time.Second
)

// Stop ends this life and waits until nothing of it is left.
func (s *Sandbox) Stop() {
	s.stopOnce.Do(func() {
		s.spec.Debug("a sandbox ends: %v", s.reason.Load())
		close(s.stopping)
		<-s.initialised
		s.invoking.Lock() // the last invocation's record is to be complete
		defer s.invoking.Unlock()
		s.shutdown()
		s.session.End()
		s.registry.End()
		s.bus.Close()
		s.server.close()
		s.team.close()
		if s.pump != nil {
			s.pump.Close()
		}
		s.memory.Close()
	})
}

// shutdown ends the processes in Lambda's order: the runtime first, then the
// extensions. Without extensions there is nobody to be polite to. [d]
func (s *Sandbox) shutdown() {
	extended, external := s.registry.Any()
	if !extended {
		s.endRuntime(0)
		return
	}
	whole, grace := internalGrace, internalGrace
	if external {
		whole, grace = wholeGrace, runtimeGrace
	}
	ctx, cancel := context.WithTimeout(context.Background(), whole)
	defer cancel()
	s.signal(syscall.SIGTERM)
	s.endRuntime(grace)
	s.bus.Flush(ctx)
	deadline, _ := ctx.Deadline()
	if unasked := s.registry.Shutdown(s.reason.Load().(string), deadline); len(unasked) > 0 {
		s.team.kill(unasked...)
	}
	s.team.wait(ctx.Done())
}

// endRuntime waits for the runtime's exit, and enforces it after a while.
func (s *Sandbox) endRuntime(grace time.Duration) {
	if s.process == nil {
		return
	}
	if grace > 0 {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-s.process.Exited():
		case <-timer.C:
		}
	}
	s.process.Signal(syscall.SIGKILL)
	<-s.process.Exited()
}
