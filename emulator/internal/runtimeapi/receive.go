package runtimeapi

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"

	"lambda-factory/emulator/internal/lambda"
)

var null = []byte("null")

// receiveBuffered reads a whole response. An empty one becomes null, as in
// docker-lambda.
func receiveBuffered(_ *lambda.Invocation, r *http.Request) (lambda.Result, error) {
	body, err := readAll(r, lambda.MaxResponse)
	switch {
	case err == errTooLarge:
		return lambda.ResponseTooLarge().Result(), err
	case err != nil:
		return lambda.Result{}, err
	case len(body) == 0:
		body = null
	}
	return lambda.Result{Payload: body}, nil
}

func receiveError(r *http.Request) (lambda.Result, error) {
	body, err := readAll(r, lambda.MaxResponse)
	switch {
	case err == errTooLarge:
		return lambda.ResponseTooLarge().Result(), err
	case err != nil:
		return lambda.Result{}, err
	}
	errorType := r.Header.Get("Lambda-Runtime-Function-Error-Type")
	if len(body) == 0 {
		return lambda.Failure{Type: errorType, Message: "Unknown error"}.Result(), nil
	}
	if r.Header.Get("Content-Type") == contentTypeCause {
		body = withoutCause(body)
	}
	return lambda.Result{Payload: body, Failed: true, ErrorType: errorType}, nil
}

// contentTypeCause marks an error document that brings its cause, for X-Ray,
// along. (RIE)
const contentTypeCause = "application/vnd.aws.lambda.error.cause+json"

// withoutCause removes what is not for the caller.
func withoutCause(body []byte) []byte {
	var document map[string]json.RawMessage
	if json.Unmarshal(body, &document) != nil {
		return body
	}
	delete(document, "errorCause")
	rest, err := json.Marshal(document)
	if err != nil {
		panic(err) // what was JSON still is
	}
	return rest
}

// readAll reads a body of at most limit bytes. A larger one is read to its end
// all the same, for only then does every HTTP client look at the answer.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		_, _ = io.Copy(io.Discard, r.Body)
		return nil, errTooLarge
	}
	if r.ContentLength >= 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, errTruncated
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		return nil, errTruncated
	}
	if int64(len(body)) > limit {
		_, _ = io.Copy(io.Discard, r.Body)
		return nil, errTooLarge
	}
	return body, nil
}

// receiveStream passes a response on while it arrives, or collects it for a
// caller who wants it whole.
func receiveStream(inv *lambda.Invocation, r *http.Request) (lambda.Result, error) {
	collected := &collector{}
	var sink lambda.Stream = collected
	limit := int64(lambda.MaxResponse)
	if inv.Stream != nil {
		sink, limit = inv.Stream, lambda.MaxStream
	}
	switch err := relay(sink, r, limit); err {
	case nil:
	case errTooLarge:
		return lambda.ResponseTooLarge().Result(), err
	default: // part of it is already with the caller: there is no second try
		return lambda.TruncatedResponse().Result(), nil
	}
	if errorType := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); errorType != "" {
		return trailerError(errorType, r.Trailer.Get("Lambda-Runtime-Function-Error-Body")), nil
	}
	if inv.Stream == nil && len(collected.payload) == 0 {
		collected.payload = null
	}
	return lambda.Result{Payload: collected.payload}, nil
}

// relay copies a response to its caller, piece by piece. A caller who has gone
// away does not stop the function: the rest is read and dropped.
func relay(sink lambda.Stream, r *http.Request, limit int64) error {
	buffer, total := make([]byte, 64<<10), int64(0)
	gone := sink.Begin(r.Header.Get("Content-Type")) != nil
	for {
		n, err := r.Body.Read(buffer)
		if total += int64(n); total > limit {
			_, _ = io.Copy(io.Discard, r.Body)
			return errTooLarge
		}
		if n > 0 && !gone {
			gone = sink.Write(buffer[:n]) != nil
		}
		switch err {
		case nil:
		case io.EOF:
			return nil
		default:
			return errTruncated
		}
	}
}

// trailerError is an error that the runtime met after the response had begun.
// Its document is base64 in the trailer; one that is not is passed on as it is.
func trailerError(errorType, encoded string) lambda.Result {
	body, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		body = []byte(encoded)
	}
	if len(body) == 0 {
		return lambda.Failure{Type: errorType}.Result()
	}
	return lambda.Result{Payload: body, Failed: true, ErrorType: errorType}
}

// collector is the stream of a caller who wants the response whole.
type collector struct{ payload []byte }

func (c *collector) Begin(string) error { return nil }

func (c *collector) Write(chunk []byte) error {
	c.payload = append(c.payload, chunk...)
	return nil
}
