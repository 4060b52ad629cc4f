package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

// program is the function's process. It stays in the bootstrap's process group,
// which is what Lambda, and the emulator, ends.
type program struct {
	cmd    *exec.Cmd
	port   string        // where it serves RPC, if it does
	exited chan struct{} // closed when it has ended
}

// handlerPath is the program that the handler names.
func handlerPath() string {
	root := os.Getenv("LAMBDA_TASK_ROOT")
	if root == "" {
		root = "/var/task"
	}
	return filepath.Join(root, os.Getenv("_HANDLER"))
}

func start(path string, args []string) (*program, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	p := &program{cmd: exec.Command(path, args...), port: port, exited: make(chan struct{})}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	p.cmd.Env = append(os.Environ(), "_LAMBDA_SERVER_PORT="+port)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { // the function decides what a signal means
		for s := range signals {
			_ = p.cmd.Process.Signal(s)
		}
	}()
	return p, nil
}

// freePort finds a port for a child to listen on.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}

func (p *program) wait() {
	_ = p.cmd.Wait() // its state says more than the error
	close(p.exited)
}

func (p *program) kill() { _ = p.cmd.Process.Kill() }

// dieAlike ends the bootstrap as the program has ended, for whoever looks at the
// exit status to see the function's own.
func (p *program) dieAlike() {
	status := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() {
		os.Exit(status.ExitStatus())
	}
	sig := status.Signal()
	// A kernel's sigaction that is all zero is the default one. The os/signal
	// package does not give back those that Go takes for errors of its own.
	var standard [8]uintptr
	syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&standard)), 0, 8, 0, 0)
	_ = syscall.Kill(os.Getpid(), sig)
	time.Sleep(settleLimit) // another thread may be the one to take it
	os.Exit(128 + int(sig)) // PID 1 does not die of signals
}

// startError is what Lambda answered for a program that could not be started.
func startError(err error) *invokeError {
	e := &invokeError{Message: err.Error(), Type: "Runtime.InvalidEntrypoint"}
	if path := (*fs.PathError)(nil); errors.As(err, &path) {
		e.Type = "PathError"
	}
	return e
}

// explain tells a developer how to mend it.
func explain(err error) string {
	path := handlerPath()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("%v: build the function as %s, or name another handler", err, path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("%v: chmod +x %s", err, path)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("%v: build the function with GOOS=linux and this image's GOARCH", err)
	}
	return err.Error()
}
