package sandbox

import (
	"syscall"
	"time"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/report"
	"lambda-factory/emulator/internal/runtimeapi"
)

// Verdict says what an invocation has left of its sandbox.
type Verdict int

const (
	// Healthy: the sandbox serves the next invocation.
	Healthy Verdict = iota
	// Broken: the invocation is answered, the sandbox is to be replaced.
	Broken
	// Gone: the runtime ended before the invocation reached it. The caller may
	// try it in another sandbox.
	Gone
	// SlowInit: as Gone, because initialisation took too long.
	SlowInit
)

// Invoke runs one invocation. Unless the verdict says that it is to be tried
// elsewhere, it has given the answer, which does not wait for what is still to
// be written into the log.
func (s *Sandbox) Invoke(inv *lambda.Invocation, answer func(lambda.Result)) Verdict {
	s.invoking.RLock()
	defer s.invoking.RUnlock()
	<-s.initialised
	switch {
	case s.initOutcome.timeout:
		s.reason.Store(timedOut)
		return SlowInit
	case s.initOutcome.failed:
		return s.answerFailedInit(inv, answer)
	}
	timer := time.NewTimer(s.spec.Timeout)
	defer timer.Stop()
	if !s.free(s.session.Idle(), timer) || s.spec.Width == 1 && !s.free(s.registry.Quiet(), timer) {
		return Gone
	}
	timer.Reset(s.spec.Timeout)
	return s.execute(inv, timer, answer)
}

// free waits until the runtime, or the extensions, are done with the last
// invocation, and tells whether there is still a runtime then.
func (s *Sandbox) free(done <-chan struct{}, timer *time.Timer) bool {
	select {
	case <-done:
	case <-s.process.Exited():
	case <-s.stopping:
		return false
	case <-timer.C: // they have had a whole invocation's time
		s.reason.Store(timedOut)
		s.process.Signal(syscall.SIGKILL)
		return false
	}
	select {
	case <-s.process.Exited(): // done may come from a request that has died with it
		return false
	default:
		return true
	}
}

func (s *Sandbox) execute(inv *lambda.Invocation, timer *time.Timer, answer func(lambda.Result)) Verdict {
	e := s.begin(inv, answer)
	deadline := e.start.Add(s.spec.Timeout)
	call := runtimeapi.NewCall(inv, deadline, s.spec.Door != nil)
	s.registry.Invoke(inv, deadline)
	s.session.Deliver(call)
	select {
	case result := <-call.Answer():
		e.end(result, "")
		return Healthy
	case <-timer.C:
		s.reason.Store(timedOut)
		s.process.Signal(syscall.SIGKILL)
		e.timedOut()
	case failed := <-s.registry.Failed():
		e.failed(failed.For(inv.ID))
	case <-s.stopping:
		e.end(lambda.Interrupted(inv.ID).Result(), "")
	case <-s.process.Exited():
		return s.lastWords(e, call)
	}
	return Broken
}

// lastWords decides what becomes of an invocation whose runtime has exited.
func (s *Sandbox) lastWords(e execution, call *runtimeapi.Call) Verdict {
	s.server.settle(settleLimit)
	select {
	case result := <-call.Answer(): // it answered just before
		e.end(result, "")
		return Broken
	default:
	}
	if !call.Fetched() {
		e.forget()
		return Gone
	}
	e.failed(lambda.Exited(e.inv.ID, s.process.ExitReason()))
	return Broken
}

// answerFailedInit answers with the reason why there is no runtime.
func (s *Sandbox) answerFailedInit(inv *lambda.Invocation, answer func(lambda.Result)) Verdict {
	o := s.initOutcome
	if o.stopped {
		return Gone
	}
	e := s.begin(inv, answer)
	switch {
	case o.result != nil:
		e.end(*o.result, "")
	case o.failure != nil:
		e.failed(o.failure.For(inv.ID))
	case o.start != nil:
		e.failed(lambda.NoBootstrap(inv.ID, o.start))
	default:
		e.failed(lambda.Exited(inv.ID, o.exit))
	}
	return Broken
}

// TimedOut answers an invocation whose time was used up by initialisation.
func (s *Sandbox) TimedOut(inv *lambda.Invocation, answer func(lambda.Result)) {
	s.invoking.RLock()
	defer s.invoking.RUnlock()
	e := s.begin(inv, answer)
	e.start = s.started
	e.timedOut()
}

// execution keeps the log of one invocation.
type execution struct {
	*Sandbox
	inv    *lambda.Invocation
	answer func(lambda.Result)
	start  time.Time
	tail   *logs.Tail
}

func (s *Sandbox) begin(inv *lambda.Invocation, answer func(lambda.Result)) execution {
	e := execution{Sandbox: s, inv: inv, answer: answer, start: time.Now()}
	if inv.WantLogTail {
		e.tail = s.journal.Follow()
	}
	s.sayStart(inv)
	return e
}

func (e execution) timedOut() {
	e.drainLog()
	e.journal.Note(report.Timeout(time.Now(), e.inv.ID, e.spec.Timeout))
	e.end(lambda.TimedOut(e.inv.ID, e.spec.Timeout).Result(), "timeout")
}

func (e execution) failed(f lambda.Failure) {
	e.reason.Store(failure)
	e.drainLog()
	e.journal.Note(f.Message + "\n" + f.Type)
	e.end(f.Result(), "error")
}

// forget closes the record of an invocation that never reached the runtime.
func (e execution) forget() {
	if e.tail != nil {
		e.journal.Unfollow(e.tail)
	}
}

// end answers and closes the record. All that the runtime printed before it
// answered is in the log then. The answer goes first, if the log is no part of it.
func (e execution) end(result lambda.Result, status string) {
	took, initTook := time.Since(e.start), e.initTook
	if h := result.Hints; h != nil && !h.InitEnd.IsZero() {
		took = max(0, time.Since(h.InitEnd))
		initTook = max(0, h.InvokeWait.Sub(e.started))
	}
	if e.tail == nil {
		e.answer(result)
	}
	usage := report.Usage{
		Duration:   min(took, e.spec.Timeout),
		MemorySize: e.spec.MemorySize,
		MaxMemory:  e.memory.PeakMB(took),
		Status:     status,
	}
	if status == "error" {
		usage.ErrorType = result.ErrorType
	}
	e.coldOnce.Do(func() { usage.Init = initTook })
	e.drainLog()
	e.sayEnd(e.inv, usage, len(result.Payload))
	if e.tail != nil {
		result.LogTail = e.journal.Unfollow(e.tail)
		if result.Hints != nil {
			result.LogTail = result.Hints.Log
		}
		e.answer(result)
	}
}
