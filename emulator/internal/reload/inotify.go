package reload

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

const events = syscall.IN_CREATE | syscall.IN_MODIFY | syscall.IN_CLOSE_WRITE | syscall.IN_ATTRIB |
	syscall.IN_DELETE | syscall.IN_MOVED_FROM | syscall.IN_MOVED_TO | syscall.IN_ONLYDIR

// inotify has the kernel tell of changes.
type inotify struct {
	roots   []string
	fd      int
	watched map[int32]string // directories, by watch descriptor
}

func (n *inotify) run(ctx context.Context, changed chan<- struct{}) error {
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return err
	}
	n.fd, n.watched = fd, map[int32]string{}
	file := os.NewFile(uintptr(fd), "inotify")
	defer file.Close()
	stop := context.AfterFunc(ctx, func() { file.Close() })
	defer stop()
	for _, root := range n.roots {
		if err := n.add(root); err != nil {
			return err
		}
	}
	buffer := make([]byte, 64<<10)
	for {
		size, err := file.Read(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		relevant, err := n.handle(buffer[:size])
		if relevant {
			notify(changed)
		}
		if err != nil {
			return err
		}
	}
}

// add watches a directory and all below it.
func (n *inotify) add(root string) error {
	return walk(root, func(path string, entry fs.DirEntry) error {
		if !entry.IsDir() {
			return nil
		}
		descriptor, err := syscall.InotifyAddWatch(n.fd, path, events)
		switch {
		case err == nil:
			n.watched[int32(descriptor)] = path
			return nil
		case errors.Is(err, syscall.ENOSPC): // the user's watches are used up
			return fmt.Errorf("inotify: %w", err)
		}
		return fs.SkipDir // gone already, or not ours to see
	})
}

// handle reads the records of inotify(7): descriptor, mask, cookie, length of
// the name, and the name, padded with zeros.
func (n *inotify) handle(records []byte) (relevant bool, err error) {
	for len(records) >= syscall.SizeofInotifyEvent {
		descriptor := int32(binary.NativeEndian.Uint32(records))
		mask := binary.NativeEndian.Uint32(records[4:])
		end := syscall.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(records[12:]))
		name := string(bytes.TrimRight(records[syscall.SizeofInotifyEvent:end], "\x00"))
		records = records[end:]
		switch {
		case mask&syscall.IN_Q_OVERFLOW != 0: // directories may have been missed
			relevant = true
			for _, root := range n.roots {
				err = errors.Join(err, n.add(root))
			}
		case mask&syscall.IN_IGNORED != 0:
			delete(n.watched, descriptor)
		case name == "" || ignored(name): // of the directory itself its parent tells
		default:
			relevant = true
			if mask&syscall.IN_ISDIR != 0 && mask&(syscall.IN_CREATE|syscall.IN_MOVED_TO) != 0 {
				err = errors.Join(err, n.add(filepath.Join(n.watched[descriptor], name)))
			}
		}
	}
	return relevant, err
}
