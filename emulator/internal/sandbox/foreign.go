package sandbox

import (
	"net/http"
	"sync"
	"syscall"
	"time"
)

// process is the runtime.
type process interface {
	Exited() <-chan struct{}
	ExitReason() string
	Signal(syscall.Signal)
}

// foreign is a runtime that is not our child: we can do nothing to it, and its
// life here ends when we say so.
type foreign struct {
	once   sync.Once
	exited chan struct{}
}

func (f *foreign) Exited() <-chan struct{} { return f.exited }
func (f *foreign) ExitReason() string      { return "" }
func (f *foreign) Signal(syscall.Signal)   { f.once.Do(func() { close(f.exited) }) }

// Door is an address that outlives sandboxes: the present one answers there.
type Door struct {
	Address string

	mu      sync.Mutex
	present *room
	opened  chan struct{} // closed when there is a present room
}

// NewDoor returns the door at an address that somebody else serves.
func NewDoor(address string) *Door {
	return &Door{Address: address, opened: make(chan struct{})}
}

// room is the Door's side of one sandbox.
type room struct {
	door    *Door
	handler http.Handler
}

func (d *Door) open(handler http.Handler) *room {
	r := &room{door: d, handler: handler}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.present == nil {
		close(d.opened)
	}
	d.present = r
	return r
}

// ServeHTTP passes a request to the present sandbox, or to the next one.
func (d *Door) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	for {
		d.mu.Lock()
		present, opened := d.present, d.opened
		d.mu.Unlock()
		if present != nil {
			present.handler.ServeHTTP(w, request)
			return
		}
		select {
		case <-opened:
		case <-request.Context().Done():
			return
		}
	}
}

func (r *room) address() string      { return r.door.Address }
func (r *room) settle(time.Duration) {}

func (r *room) close() {
	r.door.mu.Lock()
	defer r.door.mu.Unlock()
	if r.door.present == r {
		r.door.present, r.door.opened = nil, make(chan struct{})
	}
}
