// Package supervisor starts child processes and waits for every child of this
// process, its own and, as PID 1 of a container, the orphans it inherits.
package supervisor

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Supervisor owns all waiting for children. No other code of the program may
// wait for a process (os/exec included): the statuses would be stolen.
type Supervisor struct {
	mu       sync.Mutex // held while forking, so that no child is reaped unregistered
	children map[int]*Process
	signals  chan os.Signal
	stopped  chan struct{}
}

// New starts reaping. Close ends it.
func New() *Supervisor {
	s := &Supervisor{
		children: map[int]*Process{},
		signals:  make(chan os.Signal, 1), // one is enough: each makes a full sweep
		stopped:  make(chan struct{}),
	}
	signal.Notify(s.signals, syscall.SIGCHLD)
	go s.reap()
	return s
}

// Close stops reaping and waits for the reaper. Processes still running are
// left alone.
func (s *Supervisor) Close() {
	signal.Stop(s.signals)
	close(s.signals)
	<-s.stopped
}

// Command says what to start.
type Command struct {
	Path   string
	Args   []string // without the program's own name
	Env    []string
	Output *os.File // stdout and stderr
}

// Start runs the command as the leader of a new process group, with nothing on
// its standard input.
func (s *Supervisor) Start(c Command) (*Process, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	attributes := &syscall.ProcAttr{
		Env:   c.Env,
		Files: []uintptr{null.Fd(), c.Output.Fd(), c.Output.Fd()},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	pid, err := syscall.ForkExec(c.Path, append([]string{c.Path}, c.Args...), attributes)
	if err != nil {
		return nil, &os.PathError{Op: "exec", Path: c.Path, Err: err}
	}
	p := &Process{PID: pid, owner: s, exited: make(chan struct{})}
	s.children[pid] = p
	return p, nil
}

func (s *Supervisor) reap() {
	defer close(s.stopped)
	for range s.signals {
		s.sweep()
	}
}

// sweep collects every child that has exited.
func (s *Supervisor) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		pid := peekExited()
		if pid <= 0 {
			return
		}
		p := s.children[pid]
		if p != nil {
			// While its leader is a zombie the group's id cannot be given to
			// another one: this signal cannot hit a stranger.
			syscall.Kill(-pid, syscall.SIGKILL)
		}
		var status syscall.WaitStatus
		if _, err := syscall.Wait4(pid, &status, 0, nil); err != nil {
			return
		}
		if p != nil {
			delete(s.children, pid)
			p.status = status
			close(p.exited)
		}
	}
}

// Process is a child and the process group that it leads.
type Process struct {
	PID    int
	owner  *Supervisor
	exited chan struct{}
	status syscall.WaitStatus // valid once exited is closed
}

// Exited is closed when the process has ended and its group has been killed.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal to the process group; it does nothing once the process
// has ended.
func (p *Process) Signal(sig syscall.Signal) {
	p.owner.mu.Lock()
	defer p.owner.mu.Unlock()
	if _, alive := p.owner.children[p.PID]; alive {
		syscall.Kill(-p.PID, sig)
	}
}

// ExitReason describes how an exited process ended, in the words of Lambda's
// error messages. It is empty for exit status 0.
func (p *Process) ExitReason() string {
	switch {
	case p.status.Signaled():
		return fmt.Sprintf("signal: %v", p.status.Signal())
	case p.status.ExitStatus() != 0:
		return fmt.Sprintf("exit status %d", p.status.ExitStatus())
	}
	return ""
}
