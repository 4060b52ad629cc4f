package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// runtimeAPI is Lambda's Runtime API at a URL that ends in "/runtime/".
type runtimeAPI string

// client uses no proxy: the API is this sandbox's own.
var client = &http.Client{Transport: &http.Transport{}}

// invocation is what the API tells of one.
type invocation struct {
	id              string
	deadline        time.Time
	functionARN     string
	traceID         string
	clientContext   string
	cognitoIdentity string
	payload         []byte
}

// next waits for an invocation, which may take hours.
func (a runtimeAPI) next() (*invocation, error) {
	response, err := client.Get(string(a) + "invocation/next")
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	payload, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the Runtime API answered %s", response.Status)
	}
	if err != nil {
		return nil, err
	}
	h := response.Header
	milliseconds, err := strconv.ParseInt(h.Get("Lambda-Runtime-Deadline-Ms"), 10, 64)
	return &invocation{
		id:              h.Get("Lambda-Runtime-Aws-Request-Id"),
		deadline:        time.UnixMilli(milliseconds),
		functionARN:     h.Get("Lambda-Runtime-Invoked-Function-Arn"),
		traceID:         h.Get("Lambda-Runtime-Trace-Id"),
		clientContext:   h.Get("Lambda-Runtime-Client-Context"),
		cognitoIdentity: h.Get("Lambda-Runtime-Cognito-Identity"),
		payload:         payload,
	}, err
}

func (a runtimeAPI) respond(id string, payload []byte) error {
	return a.post("invocation/"+id+"/response", nil, payload)
}

// fail reports an error of an invocation, or of initialisation.
func (a runtimeAPI) fail(path string, e *invokeError) error {
	document, err := json.Marshal(e)
	if err != nil {
		return err
	}
	kind := strings.Map(printable, e.Type) // a function may call its errors anything
	return a.post(path, http.Header{"Lambda-Runtime-Function-Error-Type": {kind}}, document)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}

// post sends an answer. What the API thinks of it is told to the caller there.
func (a runtimeAPI) post(path string, header http.Header, body []byte) error {
	request, err := http.NewRequest(http.MethodPost, string(a)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	for key, values := range header {
		request.Header[key] = values
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body) // the connection is used again
	return err
}
