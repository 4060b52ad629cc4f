// Package reload notices when the function's files change and has its sandboxes
// replaced, once for a burst of changes.
package reload

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Target is what is told of changes. From Hold to Reload it starts nothing with
// code that is only half there.
type Target interface {
	Hold()
	Reload()
}

// A burst is over after a pause, or when it has lasted too long to keep the
// callers waiting.
const (
	pause   = 200 * time.Millisecond
	longest = 10 * time.Second
)

// source reports changes until its context ends.
type source interface {
	run(ctx context.Context, changed chan<- struct{}) error
}

// Run watches directories until ctx ends. They are polled if the kernel does not
// tell of changes there.
func Run(ctx context.Context, directories []string, target Target) {
	ctx, cancel := context.WithCancel(ctx)
	changed, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		observe(ctx, existing(directories), changed)
	}()
	for ctx.Err() == nil {
		select {
		case <-changed:
			target.Hold()
			settle(ctx, changed)
			target.Reload()
		case <-ctx.Done():
		}
	}
	cancel()
	<-ended
}

// settle waits for the end of a burst.
func settle(ctx context.Context, changed <-chan struct{}) {
	quiet, late := time.NewTimer(pause), time.NewTimer(longest)
	defer quiet.Stop()
	defer late.Stop()
	for {
		select {
		case <-changed:
			quiet.Reset(pause)
		case <-quiet.C:
			if len(changed) == 0 { // else it was this process that paused
				return
			}
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

func observe(ctx context.Context, directories []string, changed chan<- struct{}) {
	if kernelTells(directories) {
		if (&inotify{roots: directories}).run(ctx, changed) == nil {
			return
		}
		notify(changed) // something may have changed meanwhile
	}
	_ = (&poller{roots: directories}).run(ctx, changed)
}

// notify reports a change unless one is reported already.
func notify(changed chan<- struct{}) {
	select {
	case changed <- struct{}{}:
	default:
	}
}

// existing resolves the directories that are there.
func existing(directories []string) []string {
	var found []string
	for _, directory := range directories {
		real, err := filepath.EvalSymlinks(directory)
		if err != nil {
			continue
		}
		if info, err := os.Stat(real); err == nil && info.IsDir() {
			found = append(found, real)
		}
	}
	return found
}

// walk visits everything below root that is not ignored. What vanishes or may
// not be read is passed over.
func walk(root string, visit func(path string, entry fs.DirEntry) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil && entry != nil && entry.IsDir():
			return fs.SkipDir
		case err != nil:
			return nil
		case path != root && ignored(entry.Name()):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return visit(path, entry)
	})
}
