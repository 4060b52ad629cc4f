package reload

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// host is a file system in user space, as desktop engines mount their host's:
// a directory with one file, which changes without this kernel being told.
type host struct {
	fd   int
	size atomic.Uint64 // of the file
}

const hostFile = "app.py"

// mountHost mounts one for the duration of a test.
func mountHost(t *testing.T) (*host, string) {
	t.Helper()
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no FUSE here:", err)
	}
	directory := t.TempDir()
	err = syscall.Mount("host", directory, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=%d,group_id=%d", fd, os.Getuid(), os.Getgid()))
	if err != nil {
		syscall.Close(fd)
		t.Skip("may not mount here:", err)
	}
	h := &host{fd: fd}
	var serving sync.WaitGroup
	serving.Go(h.serve)
	t.Cleanup(func() {
		_ = syscall.Unmount(directory, syscall.MNT_DETACH)
		serving.Wait()
		syscall.Close(fd)
	})
	return h, directory
}

// serve answers the kernel until it has unmounted. (linux/fuse.h)
func (h *host) serve() {
	request := make([]byte, 1<<20)
	for {
		n, err := syscall.Read(h.fd, request)
		switch {
		case err == syscall.EINTR || err == syscall.ENOENT:
			continue
		case err != nil:
			return // ENODEV
		}
		const header = 40
		operation, node := binary.NativeEndian.Uint32(request[4:]), binary.NativeEndian.Uint64(request[16:])
		if operation == 2 || operation == 36 { // FORGET and INTERRUPT have no answer
			continue
		}
		content, errno := h.answer(operation, node, request[header:n])
		var reply bytes.Buffer
		pack(&reply, uint32(16+len(content)), -int32(errno), binary.NativeEndian.Uint64(request[8:]), content)
		_, _ = syscall.Write(h.fd, reply.Bytes())
	}
}

func (h *host) answer(operation uint32, node uint64, argument []byte) ([]byte, syscall.Errno) {
	var b bytes.Buffer
	none := make([]byte, 64)
	switch operation {
	case 1: // LOOKUP
		if string(bytes.TrimRight(argument, "\x00")) != hostFile {
			return nil, syscall.ENOENT
		}
		pack(&b, uint64(2), none[:32], h.attributes(2))
	case 3: // GETATTR
		pack(&b, none[:16], h.attributes(node))
	case 17: // STATFS
		pack(&b, none, none[:16])
	case 26: // INIT
		pack(&b, uint32(7), uint32(31), none[:12], uint32(1<<17), uint32(1), none[:36])
	case 27: // OPENDIR
		pack(&b, none[:16])
	case 28: // READDIR
		if binary.NativeEndian.Uint64(argument[8:]) == 0 {
			pack(&b, uint64(2), uint64(1), uint32(len(hostFile)), uint32(syscall.DT_REG), []byte(hostFile), none[:2])
		}
	case 29: // RELEASEDIR
	default:
		return nil, syscall.ENOSYS
	}
	return b.Bytes(), 0
}

func (h *host) attributes(node uint64) []byte {
	var b bytes.Buffer
	mode, size := uint32(syscall.S_IFDIR|0o755), uint64(0)
	if node == 2 {
		mode, size = syscall.S_IFREG|0o644, h.size.Load()
	}
	pack(&b, node, size, make([]byte, 32), make([]byte, 12), mode, uint32(1), make([]byte, 12), uint32(4096), uint32(0))
	return b.Bytes()
}

func pack(b *bytes.Buffer, values ...any) {
	for _, value := range values {
		if err := binary.Write(b, binary.NativeEndian, value); err != nil {
			panic(err)
		}
	}
}

// The kernel is silent on changes that a host makes, so that Run has to find out
// for itself that it must poll.
func TestRunPollsWhereInotifyDoesNotReach(t *testing.T) {
	t.Parallel()
	h, directory := mountHost(t)
	if info, err := os.Stat(filepath.Join(directory, hostFile)); err != nil || info.Size() != 0 {
		t.Fatal(info, err)
	}
	silent := watch(t, &inotify{roots: []string{directory}})
	r := recorder{make(chan struct{}, 100), make(chan struct{}, 100)}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { Run(ctx, []string{t.TempDir(), directory}, r) })
	defer running.Wait()
	defer cancel()
	for range 2 {
		until(t, r.held, func(int) { h.size.Add(1) })
		select {
		case <-r.reloaded:
		case <-time.After(10 * time.Second):
			t.Fatal("no reload")
		}
	}
	if len(silent) > 0 {
		t.Error("inotify does reach: this proves nothing")
	}
}
