package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"lambda-factory/emulator/internal/testbed"
)

// resources are what must not grow: open files and threads.
func resources(t *testing.T, pid int) (files, threads int) {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "Threads:\t")
	count, _, _ := strings.Cut(rest, "\n")
	threads, err = strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries), threads
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=5"}})
	seven := 7
	round := func(i int) {
		e.Invoke(`{}`, "X-Amz-Log-Type", "Tail")
		if i%5 == 0 {
			e.Invoke(event(t, testbed.Request{Exit: &seven}))
		}
		before := parse(t, e.Invoke(`{}`).Body).PID
		e.Signal(syscall.SIGHUP)
		e.Until("it has reloaded", func() bool { return parse(t, e.Invoke(`{}`).Body).PID != before })
	}
	for i := range 5 {
		round(i)
	}
	files, threads := resources(t, e.PID())
	for i := range 25 {
		round(i)
	}
	e.Until("the files are closed", func() bool { now, _ := resources(t, e.PID()); return now <= files+2 })
	if _, now := resources(t, e.PID()); now > threads+8 {
		t.Errorf("%d threads, %d before", now, threads)
	}
}

// As PID 1 the emulator inherits orphans. A new PID namespace makes it that.
func TestZombiesAreReapedAsPID1(t *testing.T) {
	t.Parallel()
	if exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "true").Run() != nil {
		t.Skip("no PID namespaces here")
	}
	orphans := `(setsid sh -c 'sleep 0.05' &) ; (setsid sh -c 'sleep 0.05' &)`
	script := fmt.Sprintf(`exec "$0" --bootstrap "$1" h '%s'`, strings.ReplaceAll(
		event(t, testbed.Request{Spawn: orphans, Sleep: "400ms", Count: true}), "'", `'\''`))
	stdout, err := exec.Command("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc",
		"/bin/sh", "-c", script, testbed.Program(t, "init"), testbed.Program(t, "bootstrap")).Output()
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "zombies of PID 1", string(stdout), "0\n")
}
