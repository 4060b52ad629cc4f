// Package sandbox is one life of a function's execution environment: a runtime
// process, the extensions beside it, the APIs they talk to, and their log.
// Whatever ends it (exit, timeout, reload), the next life is a new Sandbox, so
// that nothing of the old one can reach it.
package sandbox

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lambda-factory/emulator/internal/extensions"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/report"
	"lambda-factory/emulator/internal/runtimeapi"
	"lambda-factory/emulator/internal/supervisor"
	"lambda-factory/emulator/internal/telemetry"
)

// settleLimit bounds the wait for what a process sent before it exited.
const settleLimit = 200 * time.Millisecond

// snapStart is the AWS_LAMBDA_INITIALIZATION_TYPE of runtimes that are restored.
const snapStart = "snap-start"

// Spec says what every sandbox of this emulator is like.
type Spec struct {
	// Bootstrap finds the program to run, each time anew: a reload may have
	// brought it.
	Bootstrap func() (path string, err error)
	Args      []string
	Environ   func(runtimeAPI string) []string

	// Door, if set, is where a runtime finds its API that is not a child of the
	// emulator; nothing is started then.
	Door *Door

	Extensions       string // the directory of the external ones
	ExtensionEnviron func(runtimeAPI string) []string

	Function   extensions.Function
	MemorySize int // MB
	Timeout    time.Duration
	Width      int    // invocations that the runtime may hold at once
	InitType   string // AWS_LAMBDA_INITIALIZATION_TYPE

	Supervisor *supervisor.Supervisor
	Output     *logs.Output
	Log        logs.Format
	Debug      func(format string, args ...any) // tells a developer of the emulator
}

// Sandbox is a running execution environment.
type Sandbox struct {
	spec      Spec
	session   *runtimeapi.Session
	registry  *extensions.Registry
	bus       *telemetry.Bus
	telemetry *telemetry.Handler
	server    endpoint
	journal   *logs.Journal
	team      *team

	// Set by the goroutine in initialise, which closes initialised after that.
	pump        *logs.Pump
	process     process // nil if it did not come to that
	memory      *report.Memory
	initTook    time.Duration
	initOutcome initOutcome
	initialised chan struct{}

	started  time.Time
	coldOnce sync.Once
	invoking sync.RWMutex // held for reading by every Invoke
	reason   atomic.Value // of the shutdown: a string, as extensions are told
	stopping chan struct{}
	stopOnce sync.Once
}

// Start begins a new life: it listens on the first free address and runs
// extensions and bootstrap, which have initLimit to ask for their first event.
func Start(spec Spec, addresses []string, initLimit time.Duration) (*Sandbox, error) {
	s := &Sandbox{
		spec:        spec,
		session:     runtimeapi.NewSession(spec.Width, spec.InitType == snapStart),
		bus:         telemetry.NewBus(),
		started:     time.Now(),
		memory:      &report.Memory{},
		initialised: make(chan struct{}),
		stopping:    make(chan struct{}),
	}
	s.reason.Store(spindown)
	s.registry = extensions.NewRegistry(spec.Function, s.announce)
	s.telemetry = telemetry.NewHandler(s.bus, s.registry.Name)
	s.journal = logs.NewJournal(spec.Output, spec.Log, s.bus.Lines("function"))
	var path string
	var err error
	if spec.Door != nil {
		s.server = spec.Door.open(http.HandlerFunc(s.route))
	} else if path, err = spec.Bootstrap(); err != nil {
		return nil, err
	} else if s.server, err = serve(addresses, http.HandlerFunc(s.route)); err != nil {
		return nil, err
	}
	s.spec.Debug("a sandbox begins; its API is at %s, its bootstrap is %s", s.server.address(), path)
	s.team = s.assemble()
	go s.initialise(path, initLimit)
	return s, nil
}

// route sends a request to the API that it is for.
func (s *Sandbox) route(w http.ResponseWriter, r *http.Request) {
	s.spec.Debug("%s %s", r.Method, r.URL.Path)
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, extensions.Prefix):
		s.registry.ServeHTTP(w, r)
	case path == telemetry.TelemetryPath, path == telemetry.LogsPath:
		s.telemetry.ServeHTTP(w, r)
	default:
		s.session.ServeHTTP(w, r)
	}
}

// Ready waits for the end of the init phase and tells whether it went well.
func (s *Sandbox) Ready() bool {
	<-s.initialised
	return !s.initOutcome.failed
}

// drainLog brings the log up to date with what the runtime has written.
func (s *Sandbox) drainLog() {
	if s.pump != nil {
		s.pump.Drain()
	}
}
