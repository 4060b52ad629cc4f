package sandbox

import (
	"net"
	"net/http"
	"time"

	"lambda-factory/emulator/internal/httpserver"
)

// endpoint is where the runtime finds its API.
type endpoint interface {
	address() string
	settle(limit time.Duration)
	close()
}

// server is an endpoint of the sandbox's own.
type server struct{ http *httpserver.Server }

// serve listens on the first free address. There are no limits: between two
// events a runtime may be silent for hours.
func serve(addresses []string, handler http.Handler) (endpoint, error) {
	listener, err := listen(addresses)
	if err != nil {
		return nil, err
	}
	return server{httpserver.Start(listener, handler, httpserver.Limits{})}, nil
}

func listen(addresses []string) (listener net.Listener, err error) {
	for _, address := range addresses {
		if listener, err = net.Listen("tcp", address); err == nil {
			return listener, nil
		}
	}
	return nil, err
}

func (s server) address() string { return s.http.Addr().String() }

// settle waits until the connections of a process that has exited are at their
// end, and so everything that it sent has been handled. It does not wait for
// longer than limit: a descendant that escaped may hold a connection open.
func (s server) settle(limit time.Duration) { s.http.Settle(limit) }

func (s server) close() { s.http.Close() }
