package report

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEndHasLambdasFieldsInItsOrder(t *testing.T) {
	for _, c := range []struct {
		usage Usage
		want  string
	}{
		{Usage{Duration: 1500 * time.Microsecond, MemorySize: 128, MaxMemory: 30},
			"END RequestId: x\nREPORT RequestId: x\tDuration: 1.50 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\t"},
		{Usage{Duration: time.Millisecond, Init: 99500 * time.Microsecond, MemorySize: 128, MaxMemory: 30},
			"END RequestId: x\nREPORT RequestId: x\tDuration: 1.00 ms\tBilled Duration: 101 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tInit Duration: 99.50 ms\t"},
		{Usage{Duration: time.Second, MemorySize: 128, MaxMemory: 30, Status: "timeout"},
			"END RequestId: x\nREPORT RequestId: x\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\tMemory Size: 128 MB\tMax Memory Used: 30 MB\tStatus: timeout"},
		{Usage{Duration: time.Millisecond, MemorySize: 1, MaxMemory: 1, Status: "error", ErrorType: "Runtime.ExitError"},
			"END RequestId: x\nREPORT RequestId: x\tDuration: 1.00 ms\tBilled Duration: 1 ms\tMemory Size: 1 MB\tMax Memory Used: 1 MB\tStatus: error\tError Type: Runtime.ExitError"},
	} {
		if got := End("x", c.usage); got != c.want {
			t.Errorf("got  %q\nwant %q", got, c.want)
		}
	}
}

func TestTimeoutLineIsInUTC(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 60e6, time.FixedZone("", 3600))
	want := "2026-01-02T02:04:05.060Z x Task timed out after 3.00 seconds\n"
	if got := Timeout(now, "x", 3*time.Second); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestInitEnd(t *testing.T) {
	want := "INIT_REPORT Init Duration: 9999.95 ms\tPhase: init\tStatus: timeout"
	if got := InitEnd(9999950*time.Microsecond, "timeout", ""); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A shell that does not exec its command is the common case of a bootstrap of
// two processes.
func TestMemoryCountsTheWholeGroup(t *testing.T) {
	shell := exec.Command("/bin/sh", "-c", "head -c 50000000 /dev/zero | tail -c 50000000 | { read x; sleep 60; }; true")
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-shell.Process.Pid, syscall.SIGKILL)
		_ = shell.Wait()
	})
	m := NewMemory(shell.Process.Pid)
	defer m.Close()
	for range 100 {
		if m.PeakMB(time.Second) >= 40 {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("peak %d MB", m.PeakMB(time.Second))
}

func TestMemoryOfNobody(t *testing.T) {
	if got := (&Memory{}).PeakMB(0); got != 1 {
		t.Errorf("got %d", got)
	}
	m := NewMemory(os.Getpid() + 1<<22)
	m.Close()
	if got := m.PeakMB(time.Second); got != 1 {
		t.Errorf("got %d", got)
	}
}

func TestHighWater(t *testing.T) {
	for text, want := range map[string]int{
		"Name:\tx\nVmHWM:\t   1234 kB\nVmRSS:\t 1 kB\n": 1234, "": 0, "\nVmHWM: many kB": 0,
	} {
		if got := highWater([]byte(text)); got != want {
			t.Errorf("highWater(%q) = %d", strings.TrimSpace(text), got)
		}
	}
}
