package app

import (
	"net"
	"net/http"
	"strings"

	"lambda-factory/emulator/internal/config"
	"lambda-factory/emulator/internal/httpserver"
	"lambda-factory/emulator/internal/runtimeapi"
	"lambda-factory/emulator/internal/sandbox"
)

// newDoor makes the fixed address of the Runtime API that a runtime needs which
// was not started by the emulator; nil if there is no such runtime.
func newDoor(c *config.Config) *sandbox.Door {
	if !c.NoBootstrap {
		return nil
	}
	return sandbox.NewDoor(c.RuntimeAddress[0])
}

// openDoor serves the door at its own address.
func openDoor(door *sandbox.Door) (stop func(), err error) {
	if door == nil {
		return func() {}, nil
	}
	listener, err := net.Listen("tcp", door.Address)
	if err != nil {
		return nil, err
	}
	server := httpserver.Start(listener, door, httpserver.Limits{})
	// The runtime may still be waiting to hear that its answer was accepted.
	return func() { server.Shutdown(goodbyeLimit) }, nil
}

// insideDoor puts the Runtime API next to the public one on a single port, for
// docker-lambda's runtimes know but one. It is for this container alone.
type insideDoor struct {
	door   *sandbox.Door
	public http.Handler
}

func (i insideDoor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, runtimeapi.Prefix) && fromLoopback(r.RemoteAddr) {
		i.door.ServeHTTP(w, r)
		return
	}
	i.public.ServeHTTP(w, r)
}

func fromLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && net.ParseIP(host).IsLoopback()
}
