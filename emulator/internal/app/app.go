// Package app puts the parts together in the mode that the user asked for.
package app

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"lambda-factory/emulator/internal/config"
	"lambda-factory/emulator/internal/extensions"
	"lambda-factory/emulator/internal/fleet"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/sandbox"
	"lambda-factory/emulator/internal/supervisor"
)

// Exit codes.
const (
	exitOK            = 0
	exitFunctionError = 1 // (docker-lambda)
	exitFailure       = 1
	exitUsage         = 2
	exitReload        = 2   // the runtime's parent is to start it anew (docker-lambda)
	exitSignal        = 128 // plus the signal's number
)

// Process is the emulator's own process, as its parts see it.
type Process struct {
	Args   []string
	Env    []string
	Stdin  io.Reader
	Stdout *os.File
	Stderr *os.File
}

// Run is the whole program; it returns the exit code.
func Run(p Process) int {
	env := config.ParseEnviron(p.Env)
	name, load := filepath.Base(p.Args[0]), config.Load
	if name == config.RIEName {
		load = config.LoadRIE
	} else if config.OnLambda(env) && !env.On("DOCKER_LAMBDA_NO_BOOTSTRAP") {
		return p.handOver(env)
	}
	c, err := load(p.Args[1:], env)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	if _, err := c.Bootstrap(); err != nil && !c.NoBootstrap {
		return p.fail(exitUsage, err)
	}
	if err := tryRuntimePort(c); err != nil {
		return p.fail(exitFailure, err)
	}
	return p.emulate(c)
}

// handOver becomes the runtime: there is a Runtime API already.
func (p Process) handOver(env config.Environ) int {
	path, argv, environment, err := config.Handover(p.Args[1:], env)
	if err != nil {
		return p.fail(exitUsage, err)
	}
	return p.fail(exitFailure, &os.PathError{Op: "exec", Path: path, Err: syscall.Exec(path, argv, environment)})
}

// tryRuntimePort tells early of a port that the user chose and cannot have.
func tryRuntimePort(c *config.Config) error {
	if len(c.RuntimeAddress) > 1 {
		return nil
	}
	listener, err := net.Listen("tcp", c.RuntimeAddress[0])
	if err != nil {
		return err
	}
	return listener.Close()
}

// fail says in one line why the emulator cannot go on.
func (p Process) fail(code int, err error) int {
	fmt.Fprintf(p.Stderr, "init: %v\n", err)
	return code
}

func (p Process) emulate(c *config.Config) int {
	tune(c)
	children := supervisor.New()
	defer children.Close()
	log := p.Stderr
	if c.LogToStdout {
		log = p.Stdout
	}
	output := logs.NewOutput(log, isTerminal(log))
	door := newDoor(c)
	f := fleet.New(fleet.Options{
		Spec:      spec(c, children, output, door),
		Size:      c.Concurrency,
		Throttle:  c.Throttle,
		Addresses: c.RuntimeAddress,
		InitLimit: initLimit(c),
	})
	if c.StayOpen { // the runtime starts while the rest is prepared
		f.Warm()
		runtime.Gosched()
	}
	signals, stop := catch()
	defer stop()
	if c.StayOpen {
		return p.serve(c, f, output, door, signals)
	}
	return p.once(c, f, door, signals)
}

// catch makes a channel of the signals that are for the emulator.
func catch() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	// A reader of the log who leaves is no reason to die. To ignore the signal
	// would have the function ignore it too.
	pipes := make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE)
	return signals, func() {
		signal.Stop(signals)
		signal.Stop(pipes)
	}
}

// initLimit bounds the first try to initialise. It is not for us to try again
// what somebody else has started.
func initLimit(c *config.Config) time.Duration {
	if c.NoBootstrap {
		return c.Timeout
	}
	return c.InitTimeout
}

func spec(c *config.Config, children *supervisor.Supervisor, output *logs.Output, door *sandbox.Door) sandbox.Spec {
	return sandbox.Spec{
		Bootstrap:        c.Bootstrap,
		Args:             c.BootstrapArgs,
		Environ:          c.RuntimeEnviron,
		Door:             door,
		Extensions:       c.Extensions,
		ExtensionEnviron: c.ExtensionEnviron,
		Function: extensions.Function{
			Name: c.Name, Version: c.Version, Handler: c.Handler, Account: c.Account,
		},
		MemorySize: c.MemorySize,
		Timeout:    c.Timeout,
		Width:      c.Width,
		InitType:   c.InitType(),
		Supervisor: children,
		Output:     output,
		Log:        c.Log,
		Debug:      debugger(c, output),
	}
}

// debugger prints for DOCKER_LAMBDA_DEBUG.
func debugger(c *config.Config, output *logs.Output) func(string, ...any) {
	if !c.Debug {
		return func(string, ...any) {}
	}
	return func(format string, args ...any) { output.Line("DEBUG " + fmt.Sprintf(format, args...)) }
}
