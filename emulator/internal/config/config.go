// Package config turns the command line and the environment into the values
// that the emulator works with, or into one line that says what is wrong.
package config

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"lambda-factory/emulator/internal/logs"
)

// Config is everything that a user can say.
type Config struct {
	Bootstraps    []string // the first that exists is run
	BootstrapArgs []string
	Handler       string

	Event          []byte
	EventFromStdin bool

	Name          string
	Version       string
	ARN           string
	Region        string
	Account       string
	MemorySize    int // MB
	Timeout       time.Duration
	TraceID       string
	ClientContext string
	Cognito       string

	StayOpen       bool
	NoBootstrap    bool     // the runtime is not started here
	Watch          []string // directories whose changes reload the function
	APIAddress     string
	RuntimeAddress []string // where the first runtime finds its API: the first that is free
	Concurrency    int      // runtime processes at once
	Width          int      // invocations at once in one process
	Throttle       bool
	InitTimeout    time.Duration

	Extensions  string // the directory of the external extensions
	Log         logs.Format
	Debug       bool
	LogToStdout bool

	env Environ
}

// Default values. (docker-lambda, but for the account, which it made up anew for
// every invocation)
const (
	defaultBootstrap = "/var/runtime/bootstrap"
	defaultMemory    = 1536 // MB
	defaultPort      = "9001"
	defaultAccount   = "123456789012"
	defaultInitLimit = 10 * time.Second // [aws]
)

// Error is a mistake of the user's, told in one line.
type Error struct{ text string }

func (e *Error) Error() string { return e.text }

func mistake(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// Load reads the arguments, without the program's name, and the environment.
func Load(args []string, env Environ) (*Config, error) {
	c := &Config{env: env}
	positional, err := c.flags(args)
	if err != nil {
		return nil, err
	}
	if len(positional) > 2 {
		return nil, mistake("expected a handler and an event, got %d arguments: %q", len(positional), positional)
	}
	positional = append(positional, "", "")
	c.Handler = cmp.Or(positional[0], env["AWS_LAMBDA_FUNCTION_HANDLER"], env["_HANDLER"], "handler")
	c.event(positional[1])
	c.NoBootstrap = c.env.On("DOCKER_LAMBDA_NO_BOOTSTRAP")
	if err := c.server(); err != nil {
		return nil, err
	}
	return c, c.rest(defaultMemory)
}

func (c *Config) flags(args []string) ([]string, error) {
	flags := flag.NewFlagSet("init", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	bootstrap := flags.String("bootstrap", defaultBootstrap, "path of the bootstrap")
	list := flags.String("bootstrap-args", "[]", "its arguments, a JSON array of strings")
	flags.Bool("enable-msg-logs", false, "accepted and ignored, as in docker-lambda")
	if err := flags.Parse(args); err != nil {
		return nil, mistake("%v; usage: init [--bootstrap PATH] [--bootstrap-args JSON] [HANDLER] [EVENT]", err)
	}
	if err := json.Unmarshal([]byte(*list), &c.BootstrapArgs); err != nil {
		return nil, mistake("--bootstrap-args must be a JSON array of strings, not %q", *list)
	}
	c.Bootstraps = []string{*bootstrap, "/var/task/bootstrap", "/opt/bootstrap"}
	return flags.Args(), nil
}

func (c *Config) event(argument string) {
	event := cmp.Or(argument, c.env["AWS_LAMBDA_EVENT_BODY"])
	switch {
	case event != "":
		c.Event = []byte(event)
	case c.env.On("DOCKER_LAMBDA_USE_STDIN"):
		c.EventFromStdin = true
	default:
		c.Event = []byte("{}")
	}
}

func (c *Config) function() {
	c.Name = cmp.Or(c.env["AWS_LAMBDA_FUNCTION_NAME"], "test")
	c.Version = cmp.Or(c.env["AWS_LAMBDA_FUNCTION_VERSION"], "$LATEST")
	c.Region = cmp.Or(c.env["AWS_REGION"], c.env["AWS_DEFAULT_REGION"], "us-east-1")
	c.Account = cmp.Or(c.env["AWS_ACCOUNT_ID"], defaultAccount)
	c.ARN = cmp.Or(c.env["AWS_LAMBDA_FUNCTION_INVOKED_ARN"],
		"arn:aws:lambda:"+c.Region+":"+c.Account+":function:"+c.Name)
	c.TraceID = c.env["_X_AMZN_TRACE_ID"]
	c.ClientContext = c.env["AWS_LAMBDA_CLIENT_CONTEXT"]
	c.Cognito = c.env["AWS_LAMBDA_COGNITO_IDENTITY"]
}

func (c *Config) limits(memory int) (err error) {
	if c.MemorySize, err = c.env.count("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory, math.MaxInt32); err != nil {
		return err
	}
	if c.Timeout, err = c.env.seconds("AWS_LAMBDA_FUNCTION_TIMEOUT", 300*time.Second); err != nil {
		return err
	}
	c.InitTimeout, err = c.env.seconds("DOCKER_LAMBDA_INIT_TIMEOUT", defaultInitLimit)
	return err
}

func (c *Config) server() error {
	c.StayOpen = c.env.On("DOCKER_LAMBDA_STAY_OPEN")
	if c.env.On("DOCKER_LAMBDA_WATCH") {
		c.Watch = []string{cmp.Or(c.env["LAMBDA_TASK_ROOT"], "/var/task"), "/opt"}
	}
	c.Debug = c.env.On("DOCKER_LAMBDA_DEBUG")
	api, err := c.env.port("DOCKER_LAMBDA_API_PORT")
	if err != nil {
		return err
	}
	runtime, err := c.env.port("DOCKER_LAMBDA_RUNTIME_PORT")
	if err != nil {
		return err
	}
	c.APIAddress = ":" + api
	loopback := net.JoinHostPort("127.0.0.1", runtime)
	if c.NoBootstrap { // nobody can tell that runtime of another port
		c.RuntimeAddress = []string{loopback}
		return nil
	}
	// The Runtime API is for loopback alone, so it cannot share the port of the
	// public one. Runtimes learn the port from AWS_LAMBDA_RUNTIME_API.
	if !c.StayOpen || api != runtime {
		c.RuntimeAddress = append(c.RuntimeAddress, loopback)
	}
	if c.env["DOCKER_LAMBDA_RUNTIME_PORT"] == "" || c.RuntimeAddress == nil {
		c.RuntimeAddress = append(c.RuntimeAddress, "127.0.0.1:0")
	}
	return nil
}

// logging reads the format of the log. The levels count in JSON only, as on
// Lambda.
func (c *Config) logging() error {
	c.Extensions = cmp.Or(c.env["DOCKER_LAMBDA_EXTENSIONS_DIR"], "/opt/extensions")
	c.Log.KeepCR = c.env.On("DOCKER_LAMBDA_NO_MODIFY_LOGS")
	switch format := c.env["AWS_LAMBDA_LOG_FORMAT"]; strings.ToUpper(format) {
	case "", "TEXT":
	case "JSON":
		c.Log.JSON = true
	default:
		return mistake("AWS_LAMBDA_LOG_FORMAT must be Text or JSON, not %q", format)
	}
	for name, level := range map[string]*logs.Level{
		"AWS_LAMBDA_LOG_LEVEL":           &c.Log.Application,
		"DOCKER_LAMBDA_SYSTEM_LOG_LEVEL": &c.Log.System,
	} {
		var ok bool
		if *level, ok = logs.ParseLevel(cmp.Or(c.env[name], "INFO")); !ok {
			return mistake("%s must be TRACE, DEBUG, INFO, WARN, ERROR or FATAL, not %q", name, c.env[name])
		}
	}
	return nil
}

func (c *Config) concurrency() (err error) {
	const most = 1000
	c.Throttle = c.env.On("DOCKER_LAMBDA_THROTTLE")
	if c.Concurrency, err = c.env.count("DOCKER_LAMBDA_CONCURRENCY", 1, most); err != nil {
		return err
	}
	c.Width, err = c.env.count("AWS_LAMBDA_MAX_CONCURRENCY", 1, most)
	return err
}

// Bootstrap returns the program that runs the function.
func (c *Config) Bootstrap() (string, error) {
	for _, path := range c.Bootstraps {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() {
			continue
		}
		if info.Mode()&0o111 == 0 {
			return "", mistake("the bootstrap %s is not executable (chmod +x)", path)
		}
		return path, nil
	}
	return "", mistake("Couldn't find valid bootstrap(s): [%s]", strings.Join(c.Bootstraps, " "))
}

// Environ is a process environment.
type Environ map[string]string

// ParseEnviron reads the form of os.Environ.
func ParseEnviron(list []string) Environ {
	env := make(Environ, len(list))
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok && name != "" {
			env[name] = value
		}
	}
	return env
}

// On tells whether a switch is set; any value sets it. (docker-lambda)
func (e Environ) On(name string) bool { return e[name] != "" }

// count reads a whole number from 1 to most.
func (e Environ) count(name string, otherwise, most int) (int, error) {
	text := e[name]
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, mistake("%s must be a whole number from 1 to %d, not %q", name, most, text)
	}
	return n, nil
}

// seconds reads a duration; docker-lambda took fractions too.
func (e Environ) seconds(name string, otherwise time.Duration) (time.Duration, error) {
	text := e[name]
	if text == "" {
		return otherwise, nil
	}
	const most = 1e7 // far above Lambda's 900: a debugger may be attached
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n > 0) || n > most {
		return 0, mistake("%s must be a number of seconds above 0, not %q", name, text)
	}
	return time.Duration(n * float64(time.Second)), nil
}

func (e Environ) port(name string) (string, error) {
	text := cmp.Or(e[name], defaultPort)
	if n, err := strconv.Atoi(text); err != nil || n < 1 || n > 65535 {
		return "", mistake("%s must be a port from 1 to 65535, not %q", name, text)
	}
	return text, nil
}
