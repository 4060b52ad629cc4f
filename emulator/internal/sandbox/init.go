package sandbox

import (
	"io"
	"syscall"
	"time"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/report"
	"lambda-factory/emulator/internal/supervisor"
)

// initOutcome tells how the init phase ended.
type initOutcome struct {
	failed  bool
	timeout bool
	stopped bool            // by Stop
	start   error           // the runtime could not be started
	result  *lambda.Result  // the error that the runtime reported
	failure *lambda.Failure // what befell an extension
	exit    string          // else, why the runtime exited
}

// initialise goes through the init phase: extensions register, the runtime
// starts, then all of them ask for their first event. [d]
func (s *Sandbox) initialise(path string, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	defer close(s.initialised)
	defer s.bus.CloseSubscriptions()
	s.sayInitStart()
	ok := s.await(s.registry.Registered(), timer) && s.spawn(path) && s.await(s.session.Began(), timer)
	if ok {
		s.registry.Close()
		s.sayInitRuntimeDone("success")
		ok = s.await(s.registry.Quiet(), timer)
	}
	s.drainLog()
	s.initTook = time.Since(s.started)
	s.sayInitEnd()
}

// await waits for a step of the init phase and tells whether it was made.
func (s *Sandbox) await(step <-chan struct{}, timer *time.Timer) bool {
	var exited <-chan struct{} // never, before there is a process
	if s.process != nil {
		exited = s.process.Exited()
	}
	select {
	case <-step:
		return true
	case result := <-s.session.InitError():
		s.initOutcome.result = &result
	case <-exited:
		s.server.settle(settleLimit)
		s.initOutcome.exit = s.process.ExitReason()
		select {
		case result := <-s.session.InitError():
			s.initOutcome.result = &result
		default:
		}
	case failure := <-s.registry.Failed():
		s.initOutcome.failure = &failure
	case <-timer.C:
		s.initOutcome.timeout = true
		s.signal(syscall.SIGKILL)
	case <-s.stopping:
		s.initOutcome.stopped = true
	}
	s.initOutcome.failed = true
	return false
}

// spawn starts the runtime.
func (s *Sandbox) spawn(path string) bool {
	if s.spec.Door != nil {
		s.process = &foreign{exited: make(chan struct{})}
		return true
	}
	if err := s.exec(path); err != nil {
		s.initOutcome.failed, s.initOutcome.start = true, err
		return false
	}
	return true
}

func (s *Sandbox) exec(path string) error {
	child, pump, err := s.start(path, s.spec.Args, s.spec.Environ(s.server.address()), s.journal)
	if err != nil {
		return err
	}
	s.pump, s.process, s.memory = pump, child, report.NewMemory(child.PID)
	return nil
}

// start runs a program whose output goes to a log.
func (s *Sandbox) start(path string, args, environment []string, log io.Writer) (*supervisor.Process, *logs.Pump, error) {
	pump, pipe, err := logs.NewPump(log)
	if err != nil {
		return nil, nil, err
	}
	defer pipe.Close()
	child, err := s.spec.Supervisor.Start(supervisor.Command{
		Path: path, Args: args, Env: environment, Output: pipe,
	})
	if err != nil {
		pump.Close()
	}
	return child, pump, err
}

// signal reaches the runtime, if there is one.
func (s *Sandbox) signal(sig syscall.Signal) {
	if s.process != nil {
		s.process.Signal(sig)
	}
}
