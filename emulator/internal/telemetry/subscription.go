package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"
)

// subscription delivers events to one listener, in batches.
type subscription struct {
	types   []string
	logsAPI bool // speaks the older API, which has kinds of its own
	limits  buffering
	send    func(context.Context, [][]byte) error
	closing chan struct{}
	wake    chan struct{}
	flush   chan chan struct{}

	mu           sync.Mutex
	pending      [][]byte
	size         int
	dropped      int
	droppedBytes int
}

// buffering says when a batch is sent.
type buffering struct {
	MaxItems  int `json:"maxItems"`
	MaxBytes  int `json:"maxBytes"`
	TimeoutMs int `json:"timeoutMs"`
}

// Bounds on one delivery, and on one after which the sandbox is gone.
const (
	sendLimit     = 2 * time.Second
	lastSendLimit = 100 * time.Millisecond
)

// backlog is how many full batches may wait for a listener that is slow.
const backlog = 4

// wants tells whether an event is for this listener. The two APIs divide what
// happens differently.
func (s *subscription) wants(kind string) bool {
	switch kind {
	case "platform.end", "platform.logsSubscription":
		return s.logsAPI && slices.Contains(s.types, "platform")
	case "platform.initStart", "platform.initRuntimeDone", "platform.initReport", "platform.telemetrySubscription":
		return !s.logsAPI && slices.Contains(s.types, "platform")
	}
	return slices.Contains(s.types, category(kind))
}

func (s *subscription) add(e encoded) {
	if !s.wants(e.kind) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.size+len(e.content) > backlog*s.limits.MaxBytes {
		s.dropped++
		s.droppedBytes += len(e.content)
		return
	}
	s.pending = append(s.pending, e.content)
	s.size += len(e.content)
	if len(s.pending) == 1 || s.full() {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// full tells whether there is enough for a batch. The subscription is locked.
func (s *subscription) full() bool {
	return len(s.pending) >= s.limits.MaxItems || s.size >= s.limits.MaxBytes
}

// run delivers until the bus is closed.
func (s *subscription) run() {
	timeout := time.Duration(s.limits.TimeoutMs) * time.Millisecond
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		select {
		case <-s.wake:
			s.mu.Lock()
			full := s.full()
			s.mu.Unlock()
			if full {
				s.deliver(sendLimit)
			} else {
				timer.Reset(timeout)
			}
		case <-timer.C:
			s.deliver(sendLimit)
		case done := <-s.flush:
			s.deliver(sendLimit)
			close(done)
		case <-s.closing:
			s.deliver(lastSendLimit)
			return
		}
	}
}

// flushed waits until all that is pending has been delivered, or ctx ends.
func (s *subscription) flushed(ctx context.Context) {
	done := make(chan struct{})
	select {
	case s.flush <- done:
	case <-ctx.Done():
		return
	}
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// deliver sends all that is pending, in batches. A listener that does not take
// one is tried again with the next.
func (s *subscription) deliver(limit time.Duration) {
	for {
		batch := s.batch()
		if len(batch) == 0 {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		err := s.send(ctx, batch)
		cancel()
		if err != nil {
			return
		}
		s.remove(batch)
	}
}

// batch returns what goes into the next delivery, without removing it.
func (s *subscription) batch() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report()
	size, n := 0, 0
	for n < len(s.pending) && n < s.limits.MaxItems {
		if size += len(s.pending[n]); size > s.limits.MaxBytes && n > 0 {
			break
		}
		n++
	}
	return slices.Clone(s.pending[:n])
}

// report makes an event of what was dropped. The subscription is locked.
func (s *subscription) report() {
	if s.dropped == 0 {
		return
	}
	e := NewEvent("platform.logsDropped", map[string]any{
		"droppedRecords": s.dropped,
		"droppedBytes":   s.droppedBytes,
		"reason":         "Consumer seems to have fallen behind as it has not acknowledged receipt of logs.",
	}).Encode()
	s.pending = append(s.pending, e)
	s.size += len(e)
	s.dropped, s.droppedBytes = 0, 0
}

func (s *subscription) remove(batch [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pending = slices.Delete(s.pending, 0, len(batch))
	for _, content := range batch {
		s.size -= len(content)
	}
}

// byHTTP posts batches as JSON arrays. There is one listener, on this machine,
// and no use for the connection in between.
func byHTTP(to *url.URL) func(context.Context, [][]byte) error {
	return func(ctx context.Context, batch [][]byte) error {
		body := slices.Concat([]byte("["), bytes.Join(batch, []byte(",")), []byte("]"))
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Close = true
		conn, err := connect(ctx, local(to))
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := request.Write(conn); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), request)
		if err != nil {
			return err
		}
		return response.Body.Close()
	}
}

// local is the address of a listener. Lambda's name for the own sandbox is known
// to no resolver. [d]
func local(to *url.URL) string {
	host, port := to.Hostname(), to.Port()
	if host == "sandbox.localdomain" || host == "sandbox" {
		host = "127.0.0.1"
	}
	if port == "" {
		port = "80"
	}
	return net.JoinHostPort(host, port)
}

// connect dials; the connection has no longer than ctx.
func connect(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if deadline, ok := ctx.Deadline(); err == nil && ok {
		err = conn.SetDeadline(deadline)
	}
	return conn, err
}

// byTCP writes one event a line.
func byTCP(address string) func(context.Context, [][]byte) error {
	return func(ctx context.Context, batch [][]byte) error {
		conn, err := connect(ctx, address)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write(append(bytes.Join(batch, []byte("\n")), '\n'))
		return err
	}
}
