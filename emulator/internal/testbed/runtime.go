package testbed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Request is what a test asks of the test runtime: the event is one of these as
// JSON. Actions are done in the order of the fields.
type Request struct {
	Print    string            `json:"print,omitempty"`    // on stdout
	Complain string            `json:"complain,omitempty"` // on stderr
	Write    map[string]string `json:"write,omitempty"`    // files
	Sleep    string            `json:"sleep,omitempty"`
	Spawn    string            `json:"spawn,omitempty"` // a shell command that outlives the invocation
	Kill     bool              `json:"kill,omitempty"`  // itself
	Exit     *int              `json:"exit,omitempty"`
	Error    string            `json:"error,omitempty"` // the error document to report
	Stream   []string          `json:"stream,omitempty"`
	Trailer  string            `json:"trailer,omitempty"` // the error at the end of the stream
	Pause    string            `json:"pause,omitempty"`   // between two pieces of the stream
	Size     int               `json:"size,omitempty"`    // of the response
	Raw      *string           `json:"raw,omitempty"`     // the response
	Count    bool              `json:"count,omitempty"`   // answer with the number of PID 1's zombies
}

// Report is what the test runtime answers unless asked for something else.
type Report struct {
	PID     int               `json:"pid"`
	Count   int               `json:"count"` // of invocations in this process
	Event   json.RawMessage   `json:"event"`
	Headers map[string]string `json:"headers"`
	Env     map[string]string `json:"env"`
	Args    []string          `json:"args"`
	Dir     string            `json:"dir"`
}

// runtimeMain is the part of the runtime.
func runtimeMain() {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	initialise(api)
	workers := 1
	if n, err := strconv.Atoi(os.Getenv("AWS_LAMBDA_MAX_CONCURRENCY")); err == nil {
		workers = n
	}
	for range workers - 1 {
		go work(api)
	}
	work(api)
}

// initialise does what TEST_INIT says.
func initialise(api string) {
	verb, argument, _ := strings.Cut(os.Getenv("TEST_INIT"), " ")
	switch verb {
	case "print":
		fmt.Println(argument)
	case "exit":
		code, _ := strconv.Atoi(argument)
		os.Exit(code)
	case "hang":
		select {}
	case "hang-once": // the argument is a file that remembers
		if _, err := os.Stat(argument); err != nil {
			_ = os.WriteFile(argument, nil, 0o600)
			time.Sleep(time.Hour)
		}
	case "error":
		send(api+"init/error", "Lambda-Runtime-Function-Error-Type", "Runtime.TestError", strings.NewReader(argument))
		os.Exit(1)
	case "sleep":
		sleep(argument)
	}
}

func work(api string) {
	for count := 1; ; count++ {
		response, err := http.Get(api + "invocation/next")
		if err != nil {
			os.Exit(99)
		}
		event, _ := io.ReadAll(response.Body)
		response.Body.Close()
		url := api + "invocation/" + response.Header.Get("Lambda-Runtime-Aws-Request-Id") + "/"
		var request Request
		_ = json.Unmarshal(event, &request)
		request.act()
		request.answer(url, func() []byte { return report(count, event, response.Header) })
	}
}

func (r Request) act() {
	fmt.Print(r.Print)
	fmt.Fprint(os.Stderr, r.Complain)
	for path, content := range r.Write {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			fmt.Println(err)
		}
	}
	sleep(r.Sleep)
	if r.Spawn != "" {
		cmd := exec.Command("/bin/sh", "-c", r.Spawn)
		cmd.SysProcAttr = &syscall.SysProcAttr{}
		_ = cmd.Start()
	}
	if r.Kill {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	if r.Exit != nil {
		os.Exit(*r.Exit)
	}
}

func (r Request) answer(url string, usual func() []byte) {
	switch {
	case r.Error != "":
		send(url+"error", "Lambda-Runtime-Function-Error-Type", "Function.TestError", strings.NewReader(r.Error))
	case r.Stream != nil:
		r.stream(url)
	case r.Size > 0:
		send(url+"response", "", "", bytes.NewReader(bytes.Repeat([]byte{'1'}, r.Size)))
	case r.Count:
		send(url+"response", "", "", strings.NewReader(strconv.Itoa(zombies())))
	case r.Raw != nil:
		send(url+"response", "", "", strings.NewReader(*r.Raw))
	default:
		send(url+"response", "", "", bytes.NewReader(usual()))
	}
}

// stream sends the response in pieces.
func (r Request) stream(url string) {
	reader, writer := io.Pipe()
	request, _ := http.NewRequest(http.MethodPost, url+"response", reader)
	request.Header.Set("Lambda-Runtime-Function-Response-Mode", "streaming")
	request.Header.Set("Content-Type", "application/vnd.awslambda.http-integration-response")
	if r.Trailer != "" {
		request.Trailer = http.Header{
			"Lambda-Runtime-Function-Error-Type": {"Function.Midway"},
			"Lambda-Runtime-Function-Error-Body": {r.Trailer},
		}
	}
	go func() {
		for i, piece := range r.Stream {
			if i > 0 {
				sleep(r.Pause)
			}
			_, _ = io.WriteString(writer, piece)
		}
		writer.Close()
	}()
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
	}
}

func report(count int, event []byte, header http.Header) []byte {
	r := Report{PID: os.Getpid(), Count: count, Event: event, Args: os.Args[1:],
		Headers: map[string]string{}, Env: map[string]string{}}
	r.Dir, _ = os.Getwd()
	for key, values := range header {
		r.Headers[key] = values[0]
	}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		r.Env[name] = value
	}
	content, _ := json.Marshal(r)
	return content
}

// zombies counts the dead children that PID 1 has not waited for.
func zombies() int {
	count := 0
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(stat), ") ")
		if strings.HasPrefix(rest, "Z 1 ") {
			count++
		}
	}
	return count
}

func send(url, key, value string, body io.Reader) {
	request, _ := http.NewRequest(http.MethodPost, url, body)
	if key != "" {
		request.Header.Set(key, value)
	}
	if response, err := http.DefaultClient.Do(request); err == nil {
		_, _ = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
}

func sleep(text string) {
	if d, err := time.ParseDuration(text); err == nil {
		time.Sleep(d)
	}
}
