package httpserver

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	bufferSize = 8 << 10
	// maxLeftover is how much of a body that the handler did not want is read
	// to keep the connection.
	maxLeftover = 256 << 10
)

var (
	errNoRequest      = errors.New("the client went away or was silent for too long")
	errHeaderTooLarge = errors.New("the head of the request is too large")
)

// conn is one connection. One goroutine reads, handles and writes.
type conn struct {
	server *Server
	socket net.Conn
	input  input
	reader *bufio.Reader
	last   string // the method of the last request
	out    []byte
	idle   atomic.Bool // it waits for a request
	header http.Header // of responses, used again and again
}

// input is the socket with a budget for the head of a request, which it copies.
type input struct {
	socket  net.Conn
	budget  int // bytes that may be read; negative: no bound
	err     error
	copying bool
	head    []byte
}

func (i *input) Read(p []byte) (int, error) {
	if i.budget == 0 {
		i.err = errHeaderTooLarge
		return 0, i.err
	}
	if i.budget > 0 && len(p) > i.budget {
		p = p[:i.budget]
	}
	n, err := i.socket.Read(p)
	if i.budget > 0 {
		i.budget -= n
	}
	if i.copying {
		i.head = append(i.head, p[:n]...)
	}
	i.err = err
	return n, err
}

func newConn(s *Server, socket net.Conn) *conn {
	c := &conn{server: s, socket: socket, input: input{socket: socket}, header: http.Header{}}
	c.reader = bufio.NewReaderSize(&c.input, bufferSize)
	c.idle.Store(true)
	return c
}

func (c *conn) serve() {
	for {
		request, err := c.read()
		if err != nil {
			c.refuse(errors.Join(err, c.input.err)) // the parser may not tell why it got no more
			return
		}
		if !c.handle(request) || c.server.isStopping() {
			return
		}
		c.idle.Store(true)
	}
}

// read waits for a request and reads its head.
func (c *conn) read() (*http.Request, error) {
	c.input.budget = -1
	c.deadline(c.server.limits.Idle)
	if !c.await() {
		return nil, errNoRequest
	}
	c.idle.Store(false)
	c.deadline(c.server.limits.Header)
	if n := c.server.limits.HeaderBytes; n > 0 {
		c.input.budget = n
	}
	request, head, err := c.parse()
	c.input.budget = -1
	c.deadline(0)
	switch err {
	case nil:
	case io.EOF: // an end within the head would be an unexpected one
		return nil, errNoRequest
	default:
		return nil, err
	}
	c.last = request.Method
	return request, check(request, head)
}

// await waits for the beginning of a request. Clients of old end the body of a
// POST with an empty line. (RFC 9112, 2.2)
func (c *conn) await() bool {
	enough := 1
	if c.last != "" { // as net/http: less than this is nothing to answer
		enough = 4
	}
	begin, err := c.reader.Peek(enough)
	if err == nil && c.last == http.MethodPost {
		_, _ = c.reader.Discard(len(begin) - len(bytes.TrimLeft(begin, "\r\n")))
	}
	return err == nil
}

// parse reads the head of a request, and gives it as it came too.
func (c *conn) parse() (*http.Request, []byte, error) {
	ahead, _ := c.reader.Peek(c.reader.Buffered())
	c.input.head = append(c.input.head[:0], ahead...)
	c.input.copying = true
	request, err := http.ReadRequest(c.reader)
	c.input.copying = false
	return request, c.input.head[:len(c.input.head)-c.reader.Buffered()], err
}

func (c *conn) deadline(limit time.Duration) {
	switch {
	case limit > 0:
		_ = c.socket.SetReadDeadline(time.Now().Add(limit))
	case c.server.limits != (Limits{}): // else there never was one
		_ = c.socket.SetReadDeadline(time.Time{})
	}
}

// refuse answers a request that could not be read.
func (c *conn) refuse(err error) {
	status := refused(http.StatusBadRequest)
	var timeout net.Error
	switch {
	case errors.Is(err, errNoRequest):
		return
	case errors.Is(err, errHeaderTooLarge):
		status = http.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &timeout) && timeout.Timeout():
		status = http.StatusRequestTimeout
	case isUnknownEncoding(err):
		status = http.StatusNotImplemented
	case errors.As(err, &status):
	}
	_, _ = fmt.Fprintf(c.socket, "HTTP/1.1 %d %v\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", int(status), status)
	c.linger()
}

// lingerLimit is the time for a client to notice that nobody reads what it sends.
const lingerLimit = 500 * time.Millisecond

// linger ends a connection whose client is still sending. Closing at once would
// have its kernel throw away the answer.
func (c *conn) linger() {
	if socket, ok := c.socket.(*net.TCPConn); ok {
		_ = socket.CloseWrite()
		_ = socket.SetReadDeadline(time.Now().Add(lingerLimit))
		_, _ = io.Copy(io.Discard, socket)
	}
}

// handle answers one request and tells whether there may be another.
func (c *conn) handle(request *http.Request) (again bool) {
	defer func() {
		// A handler aborts to end the connection without an answer. Any other
		// panic is a mistake in it, and the end of this connection only.
		if r := recover(); r != nil && r != http.ErrAbortHandler {
			fmt.Fprintf(os.Stderr, "init: %s %s: %v\n%s", request.Method, request.URL.Path, r, debug.Stack())
		}
	}()
	clear(c.header)
	w := &response{conn: c, head: request.Method == http.MethodHead, old: !request.ProtoAtLeast(1, 1)}
	w.close = request.Close || request.Method == http.MethodConnect // what follows that one is not HTTP
	body := &body{ReadCloser: request.Body, conn: c}
	if request.Body == http.NoBody {
		body.ended.Store(true)
	} else {
		body.expected = request.ProtoAtLeast(1, 1) && expectsContinue(request)
		request.Body = body
	}
	if request.Trailer == nil {
		request.Trailer = http.Header{} // shared with the copy below; the body fills it
	}
	watch := &watcher{Context: context.Background(), conn: c, body: body}
	defer watch.stop()
	request = request.WithContext(watch)
	request.RemoteAddr = c.socket.RemoteAddr().String()
	c.server.handler.ServeHTTP(w, request)
	watch.stop()
	return c.conclude(w, body)
}

// conclude sends the rest of the response and disposes of the rest of the
// request.
func (c *conn) conclude(w *response, body *body) (again bool) {
	if body.expected { // it was never asked for: the client may or may not send it
		w.close = true
	}
	if w.finish() != nil {
		return false
	}
	if !body.discard() {
		c.linger()
		return false
	}
	return !w.close
}

// alive tells whether the client has not closed the connection yet.
func (c *conn) alive() bool {
	socket, ok := c.socket.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return false
	}
	alive := true
	err = raw.Control(func(fd uintptr) {
		n, _, err := syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		alive = n > 0 || err == syscall.EAGAIN || err == syscall.EINTR
	})
	return alive && err == nil
}

// body is the body of a request.
type body struct {
	io.ReadCloser
	conn     *conn
	expected bool // the client waits to be told to send it
	ended    atomic.Bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.expected {
		b.expected = false
		if _, err := io.WriteString(b.conn.socket, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return 0, err
		}
	}
	n, err := b.ReadCloser.Read(p)
	if err == io.EOF {
		b.ended.Store(true)
	}
	return n, err
}

// discard reads what the handler has left, and tells whether that was all.
func (b *body) discard() bool {
	if b.ended.Load() {
		return true
	}
	if b.expected {
		return false
	}
	_, err := io.CopyN(io.Discard, b.ReadCloser, maxLeftover)
	return err == io.EOF
}
