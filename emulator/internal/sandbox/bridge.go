package sandbox

import (
	"context"
	"net"
	"strconv"
	"syscall"

	"lambda-factory/emulator/internal/gorpc"
	"lambda-factory/emulator/internal/runtimeapi"
)

// bridge lets a go1.x function take part in a session.
type bridge struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func startBridge(port string, session *runtimeapi.Session, function process) *bridge {
	ctx, cancel := context.WithCancel(context.Background())
	b := &bridge{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		if gorpc.Run(ctx, net.JoinHostPort("127.0.0.1", port), session) {
			function.Signal(syscall.SIGKILL)
		}
	}()
	return b
}

// stop ends the bridge, if there is one, and waits for it.
func (b *bridge) stop() {
	if b != nil {
		b.cancel()
		<-b.ended
	}
}

// freePort finds a port for a child to listen on.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port), nil
}
