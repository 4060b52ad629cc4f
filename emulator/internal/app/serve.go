package app

import (
	"context"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"
	"time"

	"lambda-factory/emulator/internal/config"
	"lambda-factory/emulator/internal/fleet"
	"lambda-factory/emulator/internal/httpserver"
	"lambda-factory/emulator/internal/invokeapi"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/reload"
	"lambda-factory/emulator/internal/sandbox"
)

// limits are the bounds on what a client of the public API may do.
func limits() httpserver.Limits {
	return httpserver.Limits{
		Header:      10 * time.Second,
		Idle:        10 * time.Minute,
		Write:       time.Minute,
		HeaderBytes: 64 << 10,
		Connections: 2000,
	}
}

// goodbyeLimit is the time to take the last answers.
const goodbyeLimit = 500 * time.Millisecond

// serve runs the public API until a signal ends it.
func (p Process) serve(c *config.Config, f *fleet.Fleet, output *logs.Output, door *sandbox.Door, signals <-chan os.Signal) int {
	listener, err := net.Listen("tcp", c.APIAddress)
	if err != nil {
		f.Close()
		return p.fail(exitFailure, err)
	}
	api := invokeapi.NewHandler(f, identity(c))
	handler, closeDoor, err := entrance(api, door, listener)
	if err != nil {
		f.Close()
		return p.fail(exitFailure, err)
	}
	defer closeDoor()
	server := httpserver.Start(listener, handler, limits())
	output.Line("Lambda API listening on port " + port(listener.Addr().String()) + "...")
	r := &reloader{fleet: f, output: output, leave: c.NoBootstrap, left: make(chan struct{})}
	stopWatching := watch(c.Watch, r)
	code := attend(r, signals)
	stopWatching()
	f.Close()
	server.Shutdown(goodbyeLimit)
	api.Close()
	return code
}

// entrance decides where a runtime that was not started here finds its API.
func entrance(api http.Handler, door *sandbox.Door, listener net.Listener) (http.Handler, func(), error) {
	if door != nil && port(door.Address) == port(listener.Addr().String()) {
		return insideDoor{door: door, public: api}, func() {}, nil
	}
	closeDoor, err := openDoor(door)
	return api, closeDoor, err
}

// attend handles signals until one of them ends the server.
func attend(r *reloader, signals <-chan os.Signal) int {
	for {
		select {
		case sig := <-signals:
			if sig != syscall.SIGHUP {
				return exitOK
			}
			r.reload("SIGHUP received, restarting bootstrap...")
		case <-r.left:
			return exitReload
		}
	}
}

// reloader replaces the sandboxes, or has the emulator leave where somebody else
// starts the runtime.
type reloader struct {
	fleet  *fleet.Fleet
	output *logs.Output
	leave  bool
	once   sync.Once
	left   chan struct{}
}

// Hold is called when files begin to change.
func (r *reloader) Hold() { r.fleet.Hold() }

// Reload is called when they have changed.
func (r *reloader) Reload() { r.reload("Handler/layer file changed, restarting bootstrap...") }

func (r *reloader) reload(reason string) {
	r.output.Line(reason)
	if r.leave {
		r.once.Do(func() { close(r.left) })
		return
	}
	r.fleet.Reload()
}

// watch begins to reload on changes, if that is asked for.
func watch(directories []string, target reload.Target) (stop func()) {
	if len(directories) == 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { reload.Run(ctx, directories, target) })
	return func() {
		cancel()
		running.Wait()
	}
}

func identity(c *config.Config) invokeapi.Identity {
	return invokeapi.Identity{
		ARN:             c.ARN,
		Version:         c.Version,
		TraceID:         c.TraceID,
		ClientContext:   c.ClientContext,
		CognitoIdentity: c.Cognito,
	}
}

func port(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return port
}
