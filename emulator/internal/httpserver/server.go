// Package httpserver serves http.Handlers over HTTP/1. It reads requests with
// net/http's parser, refuses what http.Server refuses, and leaves out what an
// emulator on the loopback has no use for (TLS, HTTP/2, a reader in the background
// of every request), which makes an invocation cheaper and the binary a quarter
// smaller than http.Server does.
package httpserver

import (
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what a client may do; zero is no bound.
type Limits struct {
	Header      time.Duration // to send the head of a request
	Idle        time.Duration // between two requests
	Write       time.Duration // to take a piece of a response
	HeaderBytes int
	Connections int
}

// Server serves one handler on one listener.
type Server struct {
	handler  http.Handler
	limits   Limits
	listener net.Listener
	places   chan struct{} // nil without a limit of connections
	ended    chan struct{} // closed when nothing is accepted any more
	date     atomic.Pointer[date]

	mu          sync.Mutex
	connections map[*conn]struct{}
	stopping    bool
	changed     *sync.Cond // when a connection ends, or a wait has lasted enough
}

// Start serves a listener until Close or Shutdown.
func Start(listener net.Listener, handler http.Handler, limits Limits) *Server {
	s := &Server{
		handler:     handler,
		limits:      limits,
		listener:    listener,
		ended:       make(chan struct{}),
		connections: map[*conn]struct{}{},
	}
	s.changed = sync.NewCond(&s.mu)
	if limits.Connections > 0 {
		s.places = make(chan struct{}, limits.Connections)
	}
	go s.accept()
	return s
}

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// acceptPause is the wait after a failure, of which there is mostly one cause:
// no free file descriptor.
const acceptPause = 10 * time.Millisecond

func (s *Server) accept() {
	defer close(s.ended)
	for {
		if s.places != nil {
			s.places <- struct{}{}
		}
		socket, err := s.listener.Accept()
		switch {
		case err == nil:
			s.begin(socket)
			continue
		case errors.Is(err, net.ErrClosed):
			return
		}
		s.leave()
		time.Sleep(acceptPause)
	}
}

func (s *Server) leave() {
	if s.places != nil {
		<-s.places
	}
}

func (s *Server) begin(socket net.Conn) {
	c := newConn(s, socket)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		_ = socket.Close()
		s.leave()
		return
	}
	s.connections[c] = struct{}{}
	go func() {
		defer s.finish(c)
		c.serve()
	}()
}

func (s *Server) finish(c *conn) {
	_ = c.socket.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.connections, c)
	s.leave()
	s.changed.Broadcast()
}

// Settle waits until there is no connection any more, but not for longer than
// limit.
func (s *Server) Settle(limit time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wait(limit)
}

// wait is Settle for a locked server; a negative limit is none.
func (s *Server) wait(limit time.Duration) {
	over := limit == 0
	if limit > 0 {
		timer := time.AfterFunc(limit, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			over = true
			s.changed.Broadcast()
		})
		defer timer.Stop()
	}
	for len(s.connections) > 0 && !over {
		s.changed.Wait()
	}
}

// Close ends all connections and waits for their handlers.
func (s *Server) Close() { s.Shutdown(0) }

// Shutdown lets requests under way end within limit, then ends all connections
// and waits for their handlers.
func (s *Server) Shutdown(limit time.Duration) {
	_ = s.listener.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopping = true
	for c := range s.connections {
		if c.idle.Load() {
			_ = c.socket.Close()
		}
	}
	s.wait(limit)
	for c := range s.connections {
		_ = c.socket.Close()
	}
	s.wait(-1)
	s.mu.Unlock()
	<-s.ended
	s.mu.Lock()
}

// isStopping tells whether connections are not to be kept for another request.
func (s *Server) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// date is the Date header of one second.
type date struct {
	second int64
	text   string
}

func (s *Server) now() string {
	now := time.Now()
	d := s.date.Load()
	if d == nil || d.second != now.Unix() {
		d = &date{now.Unix(), now.UTC().Format(http.TimeFormat)}
		s.date.Store(d)
	}
	return d.text
}
