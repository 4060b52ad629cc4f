package httpserver

import (
	"context"
	"sync"
	"time"
)

// watcher is the context of a request. It ends when the client goes away, which
// is looked for only once somebody asks, and not before the body has been read.
type watcher struct {
	context.Context
	conn *conn
	body *body // when it has ended, there is but the next request to read

	mu      sync.Mutex
	gone    chan struct{}
	err     error
	over    bool          // the handler is done
	stopped chan struct{} // closed when the goroutine has ended
}

// Done begins to look whether the client is still there.
func (w *watcher) Done() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone == nil && !w.over && w.body.ended.Load() {
		w.gone, w.stopped = make(chan struct{}), make(chan struct{})
		go w.look()
	}
	return w.gone
}

// Err tells whether the client is known to be gone.
func (w *watcher) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

func (w *watcher) look() {
	defer close(w.stopped)
	_, err := w.conn.reader.Peek(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && !w.over {
		w.err = context.Canceled
		close(w.gone)
	}
}

// stop ends the looking, so that the connection can be read again.
func (w *watcher) stop() {
	w.mu.Lock()
	stopped, again := w.stopped, w.over
	w.over = true
	w.mu.Unlock()
	if stopped == nil || again {
		return
	}
	_ = w.conn.socket.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
	<-stopped
	_ = w.conn.socket.SetReadDeadline(time.Time{})
}
