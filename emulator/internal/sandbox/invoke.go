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

// Invoke runs one invocation and returns its answer.
func (s *Sandbox) Invoke(inv *lambda.Invocation) (lambda.Result, Verdict) {
	<-s.initialised
	switch {
	case s.initOutcome.timeout:
		s.reason.Store(timedOut)
		return lambda.Result{}, SlowInit
	case s.initOutcome.failed:
		return s.answerFailedInit(inv)
	}
	timer := time.NewTimer(s.spec.Timeout)
	defer timer.Stop()
	if !s.free(s.session.Idle(), timer) || s.spec.Width == 1 && !s.free(s.registry.Quiet(), timer) {
		return lambda.Result{}, Gone
	}
	timer.Reset(s.spec.Timeout)
	return s.execute(inv, timer)
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

func (s *Sandbox) execute(inv *lambda.Invocation, timer *time.Timer) (lambda.Result, Verdict) {
	e := s.begin(inv)
	deadline := e.start.Add(s.spec.Timeout)
	call := runtimeapi.NewCall(inv, deadline, s.spec.Door != nil)
	s.registry.Invoke(inv, deadline)
	s.session.Deliver(call)
	select {
	case result := <-call.Answer():
		return e.end(result, ""), Healthy
	case <-timer.C:
		s.reason.Store(timedOut)
		s.process.Signal(syscall.SIGKILL)
		return e.timedOut(), Broken
	case failed := <-s.registry.Failed():
		return e.failed(failed.For(inv.ID)), Broken
	case <-s.stopping:
		return e.end(lambda.Interrupted(inv.ID).Result(), ""), Broken
	case <-s.process.Exited():
		return s.lastWords(e, call)
	}
}

// lastWords decides what becomes of an invocation whose runtime has exited.
func (s *Sandbox) lastWords(e execution, call *runtimeapi.Call) (lambda.Result, Verdict) {
	s.server.settle(settleLimit)
	select {
	case result := <-call.Answer(): // it answered just before
		return e.end(result, ""), Broken
	default:
	}
	if !call.Fetched() {
		e.forget()
		return lambda.Result{}, Gone
	}
	return e.failed(lambda.Exited(e.inv.ID, s.process.ExitReason())), Broken
}

// answerFailedInit answers with the reason why there is no runtime.
func (s *Sandbox) answerFailedInit(inv *lambda.Invocation) (lambda.Result, Verdict) {
	o := s.initOutcome
	if o.stopped {
		return lambda.Result{}, Gone
	}
	e := s.begin(inv)
	switch {
	case o.result != nil:
		return e.end(*o.result, ""), Broken
	case o.failure != nil:
		return e.failed(o.failure.For(inv.ID)), Broken
	case o.start != nil:
		return e.failed(lambda.NoBootstrap(inv.ID, o.start)), Broken
	}
	return e.failed(lambda.Exited(inv.ID, o.exit)), Broken
}

// execution keeps the log of one invocation.
type execution struct {
	*Sandbox
	inv   *lambda.Invocation
	start time.Time
	tail  *logs.Tail
}

func (s *Sandbox) begin(inv *lambda.Invocation) execution {
	e := execution{Sandbox: s, inv: inv, start: time.Now()}
	if inv.WantLogTail {
		e.tail = s.journal.Follow()
	}
	s.sayStart(inv)
	return e
}

func (e execution) timedOut() lambda.Result {
	e.drainLog()
	e.journal.Note(report.Timeout(time.Now(), e.inv.ID, e.spec.Timeout))
	return e.end(lambda.TimedOut(e.inv.ID, e.spec.Timeout).Result(), "timeout")
}

func (e execution) failed(f lambda.Failure) lambda.Result {
	e.reason.Store(failure)
	e.drainLog()
	e.journal.Note(f.Message + "\n" + f.Type)
	return e.end(f.Result(), "error")
}

// forget closes the record of an invocation that never reached the runtime.
func (e execution) forget() {
	if e.tail != nil {
		e.journal.Unfollow(e.tail)
	}
}

// end closes the record. All that the runtime printed before it answered is in
// the log then.
func (e execution) end(result lambda.Result, status string) lambda.Result {
	took, initTook := time.Since(e.start), e.initTook
	if h := result.Hints; h != nil && !h.InitEnd.IsZero() {
		took = max(0, time.Since(h.InitEnd))
		initTook = max(0, h.InvokeWait.Sub(e.started))
	}
	usage := report.Usage{
		Duration:   min(took, e.spec.Timeout),
		MemorySize: e.spec.MemorySize,
		MaxMemory:  e.memory.PeakMB(),
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
	}
	return result
}
