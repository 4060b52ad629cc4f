package httpserver

import (
	"net"
	"net/http"
	"strconv"
	"time"
)

// response is the http.ResponseWriter of one request. What is written without a
// Content-Length is held back until it is known, unless it is much or Flush is
// called: then it goes in chunks.
type response struct {
	conn    *conn
	head    bool // answers HEAD: without a body
	old     bool // HTTP/1.0: without chunks
	close   bool // the connection ends with this response
	status  int
	sent    bool // the head is out
	chunked bool
	pending []byte
}

const (
	maxPending = 32 << 10
	smallBody  = 4 << 10 // is copied behind the head; a larger one is not
)

func (w *response) Header() http.Header { return w.conn.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	switch {
	case w.head || !hasBody(w.status):
		return len(p), nil
	case w.sent:
		return len(p), w.body(p)
	case w.conn.header["Content-Length"] != nil:
		return len(p), w.start(p)
	}
	w.pending = append(w.pending, p...)
	if len(w.pending) > maxPending {
		return len(p), w.FlushError()
	}
	return len(p), nil
}

// FlushError sends what there is, and the rest in chunks.
func (w *response) FlushError() error {
	w.WriteHeader(http.StatusOK)
	pending := w.pending
	w.pending = w.pending[:0]
	if w.sent {
		return nil
	}
	if w.conn.header["Content-Length"] == nil && hasBody(w.status) {
		w.chunked, w.close = !w.old, w.close || w.old
	}
	if err := w.start(nil); err != nil || len(pending) == 0 {
		return err
	}
	return w.body(pending)
}

// SetReadDeadline bounds the reading of the request's body.
func (w *response) SetReadDeadline(t time.Time) error { return w.conn.socket.SetReadDeadline(t) }

// Alive tells whether the client is there to take the response.
func (w *response) Alive() bool { return w.conn.alive() }

// finish sends what is left of the response.
func (w *response) finish() error {
	w.WriteHeader(http.StatusOK)
	if w.sent {
		if w.chunked {
			return w.conn.write([]byte("0\r\n\r\n"))
		}
		return nil
	}
	if w.conn.header["Content-Length"] == nil && hasBody(w.status) {
		w.conn.header["Content-Length"] = []string{strconv.Itoa(len(w.pending))}
	}
	return w.start(w.pending)
}

func hasBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// start sends the head, and the body or the beginning of it.
func (w *response) start(body []byte) error {
	w.sent = true
	out := w.appendHead(w.conn.out[:0])
	w.conn.out = out
	if len(body) > smallBody {
		return w.conn.write(out, body)
	}
	w.conn.out = append(out, body...)
	return w.conn.write(w.conn.out)
}

func (w *response) appendHead(b []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(w.status), 10)
	b = append(b, ' ')
	b = append(b, http.StatusText(w.status)...)
	b = appendField(b, "\r\nDate", w.conn.server.now())
	for key, values := range w.conn.header {
		for _, value := range values {
			b = append(b, "\r\n"...)
			b = appendField(b, key, value)
		}
	}
	switch {
	case w.chunked:
		b = append(b, "\r\nTransfer-Encoding: chunked"...)
	case w.old && !w.close:
		b = append(b, "\r\nConnection: keep-alive"...)
	}
	if w.close {
		b = append(b, "\r\nConnection: close"...)
	}
	return append(b, "\r\n\r\n"...)
}

// appendField adds a header. A value cannot end its line: some come from a
// request.
func appendField(b []byte, key, value string) []byte {
	b = append(b, key...)
	b = append(b, ": "...)
	from := len(b)
	b = append(b, value...)
	for i := from; i < len(b); i++ {
		if b[i] == '\r' || b[i] == '\n' || b[i] == 0 {
			b[i] = ' '
		}
	}
	return b
}

// body sends a piece of the body after the head.
func (w *response) body(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if !w.chunked {
		return w.conn.write(p)
	}
	size := append(strconv.AppendInt(nil, int64(len(p)), 16), "\r\n"...)
	return w.conn.write(size, p, []byte("\r\n"))
}

// write sends pieces in one go. A client that takes none in time is given up.
func (c *conn) write(pieces ...[]byte) error {
	if limit := c.server.limits.Write; limit > 0 {
		_ = c.socket.SetWriteDeadline(time.Now().Add(limit))
	}
	if len(pieces) == 1 {
		_, err := c.socket.Write(pieces[0])
		return err
	}
	buffers := net.Buffers(pieces)
	_, err := buffers.WriteTo(c.socket)
	return err
}
