package reload

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// recorder counts what a Target is told.
type recorder struct{ held, reloaded chan struct{} }

func (r recorder) Hold()   { r.held <- struct{}{} }
func (r recorder) Reload() { r.reloaded <- struct{}{} }

// watch runs a source and gives the channel of its changes.
func watch(t *testing.T, s source) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	changed := make(chan struct{}, 1)
	var running sync.WaitGroup
	running.Go(func() { _ = s.run(ctx, changed) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return changed
}

func put(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(time.Now().String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// until changes something until the source, which may still be starting, tells.
func until(t *testing.T, changed <-chan struct{}, change func(i int)) {
	t.Helper()
	for i := range 200 {
		change(i)
		select {
		case <-changed:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("no change was noticed")
}

func TestSourcesTellOfChanges(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func([]string) source{
		"inotify": func(roots []string) source { return &inotify{roots: roots} },
		"polling": func(roots []string) source { return &poller{roots: roots} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			put(t, filepath.Join(root, "a", "b", "old.py"))
			changed := watch(t, make([]string{root}))
			until(t, changed, func(i int) { put(t, filepath.Join(root, fmt.Sprint("start", i))) })
			until(t, changed, func(int) { put(t, filepath.Join(root, "a", "b", "old.py")) })
			until(t, changed, func(i int) { _ = os.MkdirAll(filepath.Join(root, "new", fmt.Sprint(i)), 0o700) })
			until(t, changed, func(int) { put(t, filepath.Join(root, "new", "0", "file")) })
			until(t, changed, func(int) { _ = os.RemoveAll(filepath.Join(root, "a")) })
		})
	}
}

func TestSourcesIgnoreWhatIsNotCode(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func([]string) source{
		"inotify": func(roots []string) source { return &inotify{roots: roots} },
		"polling": func(roots []string) source { return &poller{roots: roots} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			put(t, filepath.Join(root, "app.py"))
			changed := watch(t, make([]string{root}))
			until(t, changed, func(i int) { put(t, filepath.Join(root, fmt.Sprint("start", i))) })
			drained := time.After(2 * pollInterval)
			for waiting := true; waiting; {
				select {
				case <-changed:
				case <-drained:
					waiting = false
				}
			}
			for _, file := range []string{"__pycache__/app.cpython-313.pyc", ".app.py.swp", "4913", "app.py~", ".git/index", "b.pyc"} {
				put(t, filepath.Join(root, file))
			}
			select {
			case <-changed:
				t.Error("told of a change")
			case <-time.After(3 * pollInterval):
			}
		})
	}
}

func TestRunReloadsOnceForABurst(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	r := recorder{make(chan struct{}, 100), make(chan struct{}, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { Run(ctx, []string{root, filepath.Join(root, "absent")}, r) })
	defer running.Wait()
	defer cancel()
	until(t, r.held, func(i int) { put(t, filepath.Join(root, fmt.Sprint("start", i))) })
	<-r.reloaded
	for len(r.held) > 0 { // changes made while the watcher was starting
		<-r.held
		<-r.reloaded
	}
	for i := range 300 {
		put(t, filepath.Join(root, fmt.Sprint("dir", i%100), fmt.Sprint("file", i)))
	}
	<-r.held
	<-r.reloaded
	select {
	case <-r.held:
		t.Error("a second reload for one burst")
	case <-time.After(3 * pause):
	}
}
