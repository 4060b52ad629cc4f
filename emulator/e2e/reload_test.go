package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lambda-factory/emulator/internal/testbed"
)

const reloaded = "file changed, restarting bootstrap"

// serveWatched starts a server that watches the directory it returns.
func serveWatched(t *testing.T) (*testbed.Emulator, string) {
	t.Helper()
	task := t.TempDir()
	e := testbed.Serve(t, testbed.Options{Env: []string{"DOCKER_LAMBDA_WATCH=1", "LAMBDA_TASK_ROOT=" + task}})
	n := 0
	e.Until("the watcher runs", func() bool {
		n++
		change(t, filepath.Join(task, fmt.Sprint("start", n)))
		return strings.Contains(e.Stderr.String(), reloaded)
	})
	time.Sleep(time.Second) // for the changes before to be noticed: they are not what is tested
	return e, task
}

func change(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("changed"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWatchReloadsOnceForABurst(t *testing.T) {
	t.Parallel()
	e, task := serveWatched(t)
	before, said := parse(t, e.Invoke(`{}`).Body).PID, strings.Count(e.Stderr.String(), reloaded)
	bursts, last := 1, time.Now()
	for i := range 300 {
		change(t, filepath.Join(task, fmt.Sprint("dir", i%100), fmt.Sprint("file", i)))
		if now := time.Now(); now.Sub(last) > 100*time.Millisecond { // a busy machine had us pause
			bursts++
		}
		last = time.Now()
	}
	e.Until("it reloads", func() bool { return strings.Count(e.Stderr.String(), reloaded) > said })
	time.Sleep(time.Second) // in which nothing is to happen, after one burst
	r := parse(t, e.Invoke(`{}`).Body)
	expect(t, "a new process", r.PID != before && r.Count == 1, true)
	if reloads := strings.Count(e.Stderr.String(), reloaded) - said; reloads > bursts {
		t.Errorf("%d reloads for %d bursts", reloads, bursts)
	}
}

func TestWatchLetsTheOldProcessFinish(t *testing.T) {
	t.Parallel()
	e, task := serveWatched(t)
	before := parse(t, e.Invoke(`{}`).Body).PID
	answers := make(chan testbed.Answer, 1)
	go func() { answers <- e.Invoke(event(t, testbed.Request{Print: "busy", Sleep: "1s"})) }()
	e.Until("it runs", func() bool { return strings.Contains(e.Stderr.String(), "busy") })
	change(t, filepath.Join(task, "new", "file"))
	expect(t, "the old process answers", parse(t, (<-answers).Body).PID, before)
	expect(t, "then a new one", parse(t, e.Invoke(`{}`).Body).PID != before, true)
}

func TestWatchServesNothingWithOldCode(t *testing.T) {
	t.Parallel()
	e, task := serveWatched(t)
	before := parse(t, e.Invoke(`{}`).Body).PID
	change(t, filepath.Join(task, "file"))
	e.Until("the change is noticed", func() bool { return parse(t, e.Invoke(`{}`).Body).PID != before })
}
