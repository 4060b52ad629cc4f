// Package telemetry tells the extensions of one sandbox what happens in it:
// Lambda's Telemetry API and its ancestor, the Logs API.
package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// timeFormat is that of Lambda's logs.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Event is one thing that happened.
type Event struct {
	Time   string `json:"time"`
	Type   string `json:"type"`
	Record any    `json:"record"`
}

// NewEvent stamps an event.
func NewEvent(kind string, record any) Event {
	return Event{Time: time.Now().UTC().Format(timeFormat), Type: kind, Record: record}
}

// Encode returns the event as JSON.
func (e Event) Encode() []byte {
	content, err := json.Marshal(e)
	if err != nil {
		panic(err) // records are strings, numbers and structs of them
	}
	return content
}

// maxEarly bounds, in bytes, what is kept for those who have yet to subscribe.
const maxEarly = 1 << 20

// Bus takes events and passes them to the subscribers. As long as there are
// none it costs the sender one atomic load.
type Bus struct {
	active atomic.Bool // somebody listens, or still may

	mu        sync.Mutex
	early     []encoded // what happened before the end of the init phase
	earlySize int
	open      bool // to subscriptions
	listeners []*subscription
	closed    bool
	running   sync.WaitGroup
}

type encoded struct {
	kind    string
	content []byte
}

// NewBus returns a bus that may be subscribed to.
func NewBus() *Bus {
	b := &Bus{open: true}
	b.active.Store(true)
	return b
}

// Active tells whether an event would be of use to anybody.
func (b *Bus) Active() bool { return b.active.Load() }

// Emit passes on an event; record makes its content if it is wanted.
func (b *Bus) Emit(kind string, record func() any) {
	if !b.Active() {
		return
	}
	e := encoded{kind, NewEvent(kind, record()).Encode()}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open && b.earlySize < maxEarly {
		b.early = append(b.early, e)
		b.earlySize += len(e.content)
	}
	for _, s := range b.listeners {
		s.add(e)
	}
}

// CloseSubscriptions is the end of the init phase, until which extensions may
// subscribe.
func (b *Bus) CloseSubscriptions() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open, b.early = false, nil
	b.active.Store(len(b.listeners) > 0)
}

// subscribe begins to deliver events; those from before are delivered too.
func (b *Bus) subscribe(s *subscription) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open || b.closed {
		return false
	}
	for _, e := range b.early {
		s.add(e)
	}
	b.listeners = append(b.listeners, s)
	b.running.Go(s.run)
	return true
}

// Flush asks for everything to be delivered now and waits for it until ctx ends.
func (b *Bus) Flush(ctx context.Context) {
	b.mu.Lock()
	listeners := b.listeners
	b.mu.Unlock()
	for _, s := range listeners {
		s.flushed(ctx)
	}
}

// Close delivers what is left and ends the bus.
func (b *Bus) Close() {
	b.mu.Lock()
	b.closed = true
	b.active.Store(false)
	for _, s := range b.listeners {
		close(s.closing)
	}
	b.mu.Unlock()
	b.running.Wait()
}

// Lines returns a writer that makes an event of each line written to it.
func (b *Bus) Lines(kind string) *Lines { return &Lines{bus: b, kind: kind} }

// Lines is one stream of log lines. It is used by one goroutine at a time.
type Lines struct {
	bus  *Bus
	kind string
	rest []byte // a line without its end
}

// maxLine is where a line without an end is broken.
const maxLine = 256 << 10

func (l *Lines) Write(p []byte) (int, error) {
	if !l.bus.Active() {
		l.rest = nil
		return len(p), nil
	}
	l.rest = append(l.rest, p...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.emit(line)
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		l.Flush()
	}
	return len(p), nil
}

// Flush makes an event of a line that has no end yet.
func (l *Lines) Flush() {
	if len(l.rest) > 0 {
		l.emit(l.rest)
		l.rest = nil
	}
}

func (l *Lines) emit(line []byte) {
	l.bus.Emit(l.kind, func() any {
		if bytes.HasPrefix(line, []byte("{")) && json.Valid(line) { // a structured log
			return json.RawMessage(line)
		}
		return string(line)
	})
}

// category is the word by which a kind of event is subscribed to.
func category(kind string) string {
	word, _, _ := strings.Cut(kind, ".")
	return word
}
