package logs

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// Pump moves what a process writes into a pipe to a writer.
//
// Drain is why it is not an io.Copy: after a runtime has posted its response,
// all it printed before is in the pipe, and reading until the pipe is empty
// makes the log complete without waiting for a moment and hoping.
type Pump struct {
	pipe *os.File
	conn syscall.RawConn
	done chan struct{}

	mu     sync.Mutex
	to     io.Writer
	buffer [16 << 10]byte
}

// NewPump returns a pump and the end of its pipe to hand to a process; the
// caller closes that end after the process was started.
func NewPump(to io.Writer) (*Pump, *os.File, error) {
	var ends [2]int
	if err := syscall.Pipe2(ends[:], syscall.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	// Only our end must not block; it is the mode of a shared description, so
	// the pipe is not made by os.Pipe, which sets both.
	if err := syscall.SetNonblock(ends[0], true); err != nil {
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	p := &Pump{pipe: os.NewFile(uintptr(ends[0]), "log"), done: make(chan struct{}), to: to}
	conn, err := p.pipe.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	p.conn = conn
	go p.run()
	return p, os.NewFile(uintptr(ends[1]), "log"), nil
}

func (p *Pump) run() {
	defer close(p.done)
	// An error means that Close was called.
	_ = p.conn.Read(func(fd uintptr) bool { return p.drain(int(fd)) })
}

// Drain passes on everything that was written before the call.
func (p *Pump) Drain() {
	// Control, unlike Read, does not wait for the reader in run.
	_ = p.conn.Control(func(fd uintptr) { p.drain(int(fd)) })
}

// drain empties the pipe and tells whether all writers have closed it.
func (p *Pump) drain(fd int) (ended bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		n, err := syscall.Read(fd, p.buffer[:])
		switch {
		case n > 0:
			_, _ = p.to.Write(p.buffer[:n])
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		default:
			return true
		}
	}
}

// Close passes on what is left and ends the pump, even if some process still
// holds the other end.
func (p *Pump) Close() {
	p.Drain()
	_ = p.pipe.Close()
	<-p.done
}
