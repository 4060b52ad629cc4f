package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

func TestRuntimeThatEndsIsAnswered(t *testing.T) {
	t.Parallel()
	three, none := 3, 0
	for name, c := range map[string]struct {
		request testbed.Request
		message string
	}{
		"exit 3": {testbed.Request{Exit: &three}, "Runtime exited with error: exit status 3"},
		"exit 0": {testbed.Request{Exit: &none}, "Runtime exited without providing a reason"},
		"signal": {testbed.Request{Kill: true}, "Runtime exited with error: signal: killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := testbed.Serve(t, testbed.Options{})
			a := e.Invoke(event(t, c.request))
			kind, message := failure(t, a.Body)
			expect(t, "status", a.Status, 200)
			expect(t, "X-Amz-Function-Error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
			expect(t, "type", kind, "Runtime.ExitError")
			expect(t, "message", message, "RequestId: "+a.Header.Get("X-Amzn-Requestid")+" Error: "+c.message)
			expect(t, "the next one's process is new", parse(t, e.Invoke(`{}`).Body).Count, 1)
		})
	}
}

func TestRuntimeThatEndsInInitIsAnswered(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{Env: []string{"TEST_INIT=exit 127"}})
	for range 2 {
		a := e.Invoke(`{}`)
		kind, message := failure(t, a.Body)
		expect(t, "status", a.Status, 200)
		expect(t, "X-Amz-Function-Error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
		expect(t, "type", kind, "Runtime.ExitError")
		expect(t, "message", message, "RequestId: "+a.Header.Get("X-Amzn-Requestid")+
			" Error: Runtime exited with error: exit status 127")
	}
}

func TestInitErrorIsAnsweredWithItsDocument(t *testing.T) {
	t.Parallel()
	document := `{"errorType":"ImportError","errorMessage":"no module","extra":[1]}`
	e := testbed.Serve(t, testbed.Options{Env: []string{"TEST_INIT=error " + document}})
	a := e.Invoke(`{}`)
	expect(t, "status", a.Status, 200)
	expect(t, "X-Amz-Function-Error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
	expect(t, "body", a.Body, document)
}

func TestTimeoutIsEnforced(t *testing.T) {
	t.Parallel()
	kept := filepath.Join(t.TempDir(), "kept")
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=1"}})
	before := parse(t, e.Invoke(`{}`).Body)
	start := time.Now()
	a := e.Invoke(event(t, testbed.Request{Write: map[string]string{kept: "x"}, Print: "asleep\n", Sleep: "1m"}),
		"X-Amz-Log-Type", "Tail")
	took := time.Since(start)
	if took < time.Second || took > 2*time.Second { // see TestTimeoutIsPrecise
		t.Errorf("answered after %v", took)
	}
	id := a.Header.Get("X-Amzn-Requestid")
	kind, message := failure(t, a.Body)
	expect(t, "status", a.Status, 200)
	expect(t, "X-Amz-Function-Error", a.Header.Get("X-Amz-Function-Error"), "Unhandled")
	expect(t, "type", kind, "Sandbox.Timedout")
	expect(t, "message", message, "RequestId: "+id+" Error: Task timed out after 1.00 seconds")
	log := decode(t, a.Header.Get("X-Amz-Log-Result"))
	expectContains(t, "log", log, "asleep\n")
	expectContains(t, "log", log, "Z "+id+" Task timed out after 1.00 seconds\n\nEND")
	expectContains(t, "log", log, "\tDuration: 1000.00 ms\tBilled Duration: 1000 ms\t")
	after := parse(t, e.Invoke(`{}`).Body)
	expect(t, "the next one's process is new", after.Count == 1 && after.PID != before.PID, true)
	if _, err := os.Stat(kept); err != nil {
		t.Error("what the function wrote is lost:", err)
	}
}

// The answer comes within 50 ms of the limit. What a busy machine is late by
// does not count: the best of several is taken, and compared to the best of a
// process that sleeps for the same time at the same moments.
func TestTimeoutIsPrecise(t *testing.T) {
	t.Parallel()
	const limit, rounds = 500 * time.Millisecond, 9
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=0.5"}})
	var answered, slept []time.Duration
	for range rounds {
		e.Invoke(`{}`) // the cold start
		sleep := make(chan time.Duration, 1)
		go func() {
			start := time.Now()
			_ = exec.Command("sleep", "0.5").Run()
			sleep <- time.Since(start)
		}()
		start := time.Now()
		e.Invoke(event(t, testbed.Request{Sleep: "1m"}))
		answered = append(answered, time.Since(start))
		slept = append(slept, <-sleep)
	}
	if early := slices.Min(answered); early < limit {
		t.Errorf("answered after %v, before its time", early)
	}
	if late := slices.Min(answered) - slices.Min(slept); late > 50*time.Millisecond {
		t.Errorf("answered after %v, and a process slept for %v", answered, slept)
	}
}

func TestTimeoutKillsTheProcessGroup(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	e := testbed.Serve(t, testbed.Options{Env: []string{"AWS_LAMBDA_FUNCTION_TIMEOUT=0.5"}})
	e.Invoke(event(t, testbed.Request{Spawn: "echo $$ > " + file + ".new; mv " + file + ".new " + file + "; exec sleep 600"}))
	var pid string
	e.Until("the child runs", func() bool {
		content, err := os.ReadFile(file)
		pid = strings.TrimSpace(string(content))
		return err == nil
	})
	e.Invoke(event(t, testbed.Request{Sleep: "1m"}))
	e.Until("the child is gone", func() bool {
		state, err := os.ReadFile("/proc/" + pid + "/stat")
		return err != nil || strings.Contains(string(state), ") Z ")
	})
}

func TestInitBeyondItsLimitIsDoneAgain(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "once")
	stdout, stderr, code := testbed.Run(t, testbed.Options{
		Env: []string{"TEST_INIT=hang-once " + file, "DOCKER_LAMBDA_INIT_TIMEOUT=0.5"}})
	expect(t, "exit code", code, 0)
	expect(t, "count", parse(t, lastLine(stdout)).Count, 1)
	expectContains(t, "log", stderr, " ms\tPhase: init\tStatus: timeout\n")
}

func TestInitThatNeverEndsIsAnswered(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := testbed.Run(t, testbed.Options{
		Env: []string{"TEST_INIT=hang", "DOCKER_LAMBDA_INIT_TIMEOUT=0.3", "AWS_LAMBDA_FUNCTION_TIMEOUT=0.4"}})
	expect(t, "exit code", code, 1)
	kind, message := failure(t, lastLine(stdout))
	expect(t, "type", kind, "Sandbox.Timedout")
	expectContains(t, "message", message, "Task timed out after 0.40 seconds")
	expectContains(t, "log", stderr, "Z "+strings.Fields(message)[1]+" Task timed out after 0.40 seconds\n\nEND")
	expectContains(t, "log", stderr, "\tDuration: 400.00 ms\t")
}

func TestSignalsEndTheServer(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			e := testbed.Serve(t, testbed.Options{})
			runtime := parse(t, e.Invoke(`{}`).Body).PID
			start := time.Now()
			e.Signal(sig)
			expect(t, "exit code", e.Wait(), 0)
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			expect(t, "the runtime is gone", syscall.Kill(runtime, 0) == syscall.ESRCH, true)
		})
	}
}

func TestSignalAnswersTheInvocationUnderWay(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	answers := make(chan testbed.Answer, 1)
	go func() { answers <- e.Invoke(event(t, testbed.Request{Print: "busy", Sleep: "1m"})) }()
	e.Until("it runs", func() bool { return strings.Contains(e.Stderr.String(), "busy") })
	e.Signal(syscall.SIGTERM)
	kind, _ := failure(t, (<-answers).Body)
	expect(t, "type", kind, "Sandbox.Shutdown")
}

func TestSignalEndsASingleInvocation(t *testing.T) {
	t.Parallel()
	ready := filepath.Join(t.TempDir(), "ready")
	e := testbed.Start(t, testbed.Options{
		Args: []string{"h", event(t, testbed.Request{Write: map[string]string{ready: ""}, Sleep: "1m"})}})
	e.Until("it runs", func() bool { _, err := os.Stat(ready); return err == nil })
	e.Signal(syscall.SIGINT)
	expect(t, "exit code", e.Wait(), 130)
	expect(t, "stdout", e.Stdout.String(), "")
}

func TestHangupReloads(t *testing.T) {
	t.Parallel()
	e := testbed.Serve(t, testbed.Options{})
	before := parse(t, e.Invoke(`{}`).Body)
	e.Signal(syscall.SIGHUP)
	e.Until("it says so", func() bool { return strings.Contains(e.Stderr.String(), "SIGHUP received") })
	e.Until("the process is new", func() bool { return parse(t, e.Invoke(`{}`).Body).PID != before.PID })
}
