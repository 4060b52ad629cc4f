package testbed

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience bounds everything a test waits for.
const Patience = 40 * time.Second

// Emulator is a running emulator.
type Emulator struct {
	t    testing.TB
	cmd  *exec.Cmd
	done chan struct{}

	URL    string // of the public API
	Stdout *Buffer
	Stderr *Buffer
}

// Options say how to start one.
type Options struct {
	Args  []string // handler and event; the bootstrap is added
	Env   []string
	Stdin io.Reader
	Name  string   // by which it is called; "init" if empty
	Bare  bool     // do not add the bootstrap
	Log   *os.File // its standard error, in place of Emulator.Stderr
}

// Run starts an emulator that ends on its own and waits for it.
func Run(t testing.TB, o Options) (stdout, stderr string, code int) {
	t.Helper()
	e := Start(t, o)
	code = e.Wait()
	return e.Stdout.String(), e.Stderr.String(), code
}

// Serve starts an emulator in API server mode and waits until it listens.
func Serve(t testing.TB, o Options) *Emulator {
	t.Helper()
	port := FreePort(t)
	o.Env = append(o.Env, "DOCKER_LAMBDA_STAY_OPEN=1", "DOCKER_LAMBDA_API_PORT="+port)
	e := Start(t, o)
	e.URL = "http://127.0.0.1:" + port
	e.Listening()
	return e
}

// Listening waits until the public API answers.
func (e *Emulator) Listening() {
	e.t.Helper()
	e.Until("the API listens", func() bool {
		response, err := http.Get(e.URL + "/2018-06-01/ping")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// Start starts an emulator.
func Start(t testing.TB, o Options) *Emulator {
	t.Helper()
	if o.Name == "" {
		o.Name = "init"
	}
	args := o.Args
	if !o.Bare {
		args = append([]string{"--bootstrap", Program(t, "bootstrap")}, args...)
	}
	e := &Emulator{t: t, done: make(chan struct{}), Stdout: &Buffer{}, Stderr: &Buffer{}}
	e.cmd = exec.Command(Program(t, o.Name), args...)
	e.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GOTRACEBACK=single", "GORACE=atexit_sleep_ms=0"}, o.Env...)
	e.cmd.Stdin, e.cmd.Stdout, e.cmd.Stderr = o.Stdin, e.Stdout, e.Stderr
	if o.Log != nil {
		e.cmd.Stderr = o.Log
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(e.done)
		_ = e.cmd.Wait()
	}()
	t.Cleanup(e.clean)
	return e
}

func (e *Emulator) clean() {
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-e.done:
	case <-time.After(Patience):
		_ = e.cmd.Process.Kill()
		<-e.done
		e.t.Error("the emulator did not end on SIGTERM")
	}
	if log := e.Stderr.String(); strings.Contains(log, "DATA RACE") || strings.Contains(log, "goroutine ") {
		e.t.Errorf("the emulator crashed or raced:\n%s", log)
	}
	if e.t.Failed() {
		e.t.Logf("stderr of the emulator:\n%s", e.Stderr.String())
	}
}

// Signal sends a signal to the emulator.
func (e *Emulator) Signal(sig syscall.Signal) { _ = e.cmd.Process.Signal(sig) }

// PID is its process id.
func (e *Emulator) PID() int { return e.cmd.Process.Pid }

// Wait waits for its end and returns the exit code.
func (e *Emulator) Wait() int {
	e.t.Helper()
	select {
	case <-e.done:
	case <-time.After(Patience):
		e.t.Fatalf("the emulator did not end; its log:\n%s", e.Stderr.String())
	}
	return e.cmd.ProcessState.ExitCode()
}

// Until waits for a condition that another process brings about.
func (e *Emulator) Until(what string, met func() bool) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !met() {
		select {
		case <-tick.C:
		case <-e.done:
			e.t.Fatalf("waiting until %s: the emulator ended; its log:\n%s", what, e.Stderr.String())
		case <-ctx.Done():
			e.t.Fatalf("waited in vain until %s; log:\n%s", what, e.Stderr.String())
		}
	}
}

// Answer is a response of the public API.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Invoke posts an event to the function. Headers are pairs.
func (e *Emulator) Invoke(event string, headers ...string) Answer {
	e.t.Helper()
	return e.Do(http.MethodPost, "/2015-03-31/functions/test/invocations", event, headers...)
}

// Do sends a request to the public API.
func (e *Emulator) Do(method, path, body string, headers ...string) Answer {
	e.t.Helper()
	a, err := e.Try(method, path, body, headers...)
	if err != nil {
		e.t.Errorf("%s %s: %v", method, path, err)
	}
	return a
}

// Try is Do for requests that may fail.
func (e *Emulator) Try(method, path, body string, headers ...string) (Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, e.URL+path, strings.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	return Answer{response.StatusCode, response.Header, string(content)}, err
}

// FreePort returns a port that nothing listens on.
func FreePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// Buffer collects output while it is read.
type Buffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
