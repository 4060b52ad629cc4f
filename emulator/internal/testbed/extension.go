package testbed

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"
)

// extensionMain is the part of an external extension. Its name says what it
// does, in words joined by dashes:
//
//	invoke, shutdown    asks for these events
//	telemetry, logs     subscribes to that API
//	crash               exits before it registers
//	fail                reports an error instead of going on
//	stubborn            stays when it is told to shut down
//	slow                takes its time after each invocation
//
// What it meets it prints, one JSON text a line, after its name.
func extensionMain(name string) {
	words := strings.Split(name, "-")
	has := func(word string) bool { return slices.Contains(words, word) }
	if has("crash") {
		os.Exit(7)
	}
	x := extension{name: name, api: "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API")}
	x.register(has)
	if has("telemetry") {
		x.subscribe("/2022-07-01/telemetry", "2022-12-13")
	}
	if has("logs") {
		x.subscribe("/2020-08-15/logs", "2021-03-18")
	}
	if has("fail") {
		x.post("/2020-01-01/extension/init/error", "{}", "Lambda-Extension-Function-Error-Type", "Extension.Unwell")
		os.Exit(1)
	}
	for {
		event := x.next()
		x.say("event", event)
		if has("slow") {
			time.Sleep(300 * time.Millisecond)
		}
		if strings.Contains(event, "SHUTDOWN") && !has("stubborn") {
			os.Exit(0)
		}
	}
}

type extension struct{ name, api, id string }

func (x *extension) say(what, text string) { fmt.Printf("[%s] %s %s\n", x.name, what, text) }

func (x *extension) register(has func(string) bool) {
	events := []string{}
	for _, word := range []string{"invoke", "shutdown"} {
		if has(word) {
			events = append(events, strings.ToUpper(word))
		}
	}
	body, _ := json.Marshal(map[string]any{"events": events})
	response := x.post("/2020-01-01/extension/register", string(body),
		"Lambda-Extension-Name", x.name, "Lambda-Extension-Accept-Feature", "accountId")
	x.id = response.Header.Get("Lambda-Extension-Identifier")
	content, _ := io.ReadAll(response.Body)
	x.say("registered", string(content))
}

func (x *extension) post(path, body string, headers ...string) *http.Response {
	return x.send(http.MethodPost, path, body, headers...)
}

func (x *extension) send(method, path, body string, headers ...string) *http.Response {
	request, _ := http.NewRequest(method, x.api+path, strings.NewReader(body))
	request.Header.Set("Lambda-Extension-Identifier", x.id)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		os.Exit(98)
	}
	return response
}

func (x *extension) next() string {
	response := x.send(http.MethodGet, "/2020-01-01/extension/event/next", "")
	defer response.Body.Close()
	event, _ := io.ReadAll(response.Body)
	return string(event)
}

// subscribe has everything delivered to a server of its own.
func (x *extension) subscribe(path, schema string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		os.Exit(97)
	}
	go func() {
		_ = http.Serve(listener, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			var events []json.RawMessage
			_ = json.NewDecoder(r.Body).Decode(&events)
			for _, event := range events {
				if !strings.Contains(string(event), "["+x.name+"]") { // that was ourselves
					x.say("received", string(event))
				}
			}
		}))
	}()
	body := fmt.Sprintf(`{"schemaVersion":%q,"types":["platform","function","extension"],"buffering":{"timeoutMs":25},`+
		`"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:%d"}}`, schema, listener.Addr().(*net.TCPAddr).Port)
	response := x.send(http.MethodPut, path, body)
	content, _ := io.ReadAll(response.Body)
	x.say("subscribed", response.Status+" "+string(content))
}
