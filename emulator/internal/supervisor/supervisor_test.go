package supervisor

import (
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second

// run starts a shell command and returns it with what it will have printed.
func run(t *testing.T, s *Supervisor, command string) (*Process, <-chan string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	p, err := s.Start(Command{Path: "/bin/sh", Args: []string{"-c", command}, Env: []string{"PATH=/bin:/usr/bin", "A=b"}, Output: w})
	if err != nil {
		t.Fatal(err)
	}
	printed := make(chan string, 1)
	go func() {
		defer r.Close()
		text, _ := io.ReadAll(r)
		printed <- string(text)
	}()
	return p, printed
}

func wait(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Exited():
	case <-time.After(patience):
		t.Fatal("the process did not exit")
	}
}

func TestExitReasons(t *testing.T) {
	s := New()
	defer s.Close()
	for command, want := range map[string]string{
		"exit 0": "", "exit 3": "exit status 3", "kill -9 $$": "signal: killed", "kill -11 $$": "signal: segmentation fault",
	} {
		p, _ := run(t, s, command)
		wait(t, p)
		if got := p.ExitReason(); got != want {
			t.Errorf("%s: got %q, want %q", command, got, want)
		}
		p.Signal(syscall.SIGKILL) // of no effect any more
	}
}

func TestOutputAndEnvironment(t *testing.T) {
	s := New()
	defer s.Close()
	p, printed := run(t, s, "cat; echo $A; echo $0 >&2")
	wait(t, p)
	if got := <-printed; got != "b\n/bin/sh\n" && got != "b\nsh\n" {
		t.Errorf("printed %q", got)
	}
}

func TestStartThatFails(t *testing.T) {
	s := New()
	defer s.Close()
	if _, err := s.Start(Command{Path: "/absent", Output: os.Stderr}); err == nil || !strings.Contains(err.Error(), "/absent") {
		t.Errorf("got %v", err)
	}
}

func TestGroupEndsWithItsLeader(t *testing.T) {
	s := New()
	defer s.Close()
	p, printed := run(t, s, "sleep 600 & exit 0")
	wait(t, p)
	select {
	case <-printed: // all who held the pipe are gone
	case <-time.After(patience):
		t.Error("the child outlived its leader")
	}
}

// prSetChildSubreaper makes orphans come to this process as they come to PID 1.
const prSetChildSubreaper = 36

func TestOrphansAreReaped(t *testing.T) {
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0); errno != 0 {
		t.Skip("no subreaper here:", errno)
	}
	s := New()
	defer s.Close()
	// setsid takes the orphan out of the group that is killed with its leader.
	p, printed := run(t, s, "setsid sh -c 'echo $$; exec >&-; sleep 0.2' & wait $!; sleep 0.1")
	pid := strings.TrimSpace(<-printed)
	wait(t, p)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat("/proc/" + pid); err != nil {
			return
		}
	}
	t.Errorf("the orphan %s is still there", pid)
}

func TestManyChildren(t *testing.T) {
	s := New()
	defer s.Close()
	processes := make([]*Process, 50)
	for i := range processes {
		processes[i], _ = run(t, s, "exit 7")
	}
	for _, p := range processes {
		wait(t, p)
		if got := p.ExitReason(); got != "exit status 7" {
			t.Errorf("got %q", got)
		}
	}
}
