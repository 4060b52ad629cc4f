package invokeapi

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"lambda-factory/emulator/internal/fleet"
	"lambda-factory/emulator/internal/jsonvalid"
	"lambda-factory/emulator/internal/lambda"
)

// Shared header values; nobody changes them.
var (
	contentTypeJSON = []string{"application/json"}
	zero            = []string{"0"}
	unhandled       = []string{"Unhandled"}
)

// promptSize is the largest answer that is sent while the sandbox is still ours:
// the kernel takes so much even if the caller is slow.
const promptSize = 16 << 10

// bodyLimit bounds the time for a request's body to arrive.
const bodyLimit = time.Minute

// invoke serves Invoke. [aws]
func (h *Handler) invoke(w http.ResponseWriter, r *http.Request, name string) *problem {
	kind := r.Header.Get("X-Amz-Invocation-Type")
	limit := int64(lambda.MaxRequest)
	switch kind {
	case "", "RequestResponse", "DryRun":
	case "Event":
		limit = lambda.MaxAsyncRequest
	default:
		return invalidValue(kind, "invocationType",
			"Member must satisfy enum value set: [Event, RequestResponse, DryRun]")
	}
	inv, p := h.invocation(w, r, name, limit)
	if p != nil {
		return p
	}
	switch kind {
	case "DryRun":
		h.head(w, inv)
		w.WriteHeader(http.StatusNoContent)
		return nil
	case "Event":
		return h.enqueue(w, inv)
	}
	var late *lambda.Result
	err := h.function.Invoke(r.Context(), inv, func(result lambda.Result) {
		if len(result.Payload) > promptSize {
			late = &result
			return
		}
		h.answer(w, inv, result)
	})
	if err != nil {
		return refusal(err)
	}
	if late != nil {
		h.answer(w, inv, *late)
	}
	return nil
}

// refusal tells why an invocation could not be made.
func refusal(err error) *problem {
	if errors.Is(err, fleet.ErrThrottled) || errors.Is(err, errTooManyEvents) {
		return throttled()
	}
	return unavailable(err)
}

func (h *Handler) head(w http.ResponseWriter, inv *lambda.Invocation) {
	header := w.Header()
	header["X-Amzn-Requestid"] = []string{inv.ID}
	header["X-Amzn-Remapped-Content-Length"] = zero
	header["X-Amzn-Trace-Id"] = []string{inv.TraceID}
}

func (h *Handler) answer(w http.ResponseWriter, inv *lambda.Invocation, result lambda.Result) {
	h.head(w, inv)
	header := w.Header()
	header["Content-Type"] = contentTypeJSON
	header["Content-Length"] = []string{strconv.Itoa(len(result.Payload))}
	header["X-Amz-Executed-Version"] = []string{h.identity.Version}
	if inv.WantLogTail {
		header["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString(result.LogTail)}
	}
	if result.Failed {
		header["X-Amz-Function-Error"] = unhandled
	}
	_, _ = w.Write(result.Payload) // a caller who has gone away misses it
}

// invocation reads a request.
func (h *Handler) invocation(w http.ResponseWriter, r *http.Request, name string, limit int64) (*lambda.Invocation, *problem) {
	arn, p := h.qualify(name, r.URL.RawQuery)
	if p != nil {
		return nil, p
	}
	inv := &lambda.Invocation{
		ID:              lambda.NewID(),
		FunctionARN:     arn,
		TraceID:         r.Header.Get("X-Amzn-Trace-Id"),
		ClientContext:   h.identity.ClientContext,
		CognitoIdentity: h.identity.CognitoIdentity,
		TenantID:        r.Header.Get("X-Amz-Tenant-Id"),
		WantLogTail:     r.Header.Get("X-Amz-Log-Type") == "Tail",
	}
	if inv.TraceID == "" {
		inv.TraceID = h.identity.TraceID
	}
	if inv.TraceID == "" {
		inv.TraceID = lambda.NewTraceID(time.Now())
	}
	if encoded := r.Header.Get("X-Amz-Client-Context"); encoded != "" {
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !jsonvalid.Valid(decoded) {
			return nil, invalidContent("Client context must be a valid Base64-encoded JSON object.")
		}
		inv.ClientContext = string(decoded)
	}
	inv.Payload, p = readEvent(w, r, limit)
	return inv, p
}

// readEvent reads the event; none at all is an empty object. [aws]
func readEvent(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *problem) {
	if r.ContentLength != 0 {
		control := http.NewResponseController(w)
		_ = control.SetReadDeadline(time.Now().Add(bodyLimit))
		defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	}
	body, err := readAll(r, limit)
	switch {
	case err == errTooLarge:
		return nil, tooLarge(limit)
	case err != nil:
		return nil, invalidContent("Could not read the request body: %v", err)
	case len(body) == 0:
		return []byte("{}"), nil
	case !jsonvalid.Valid(body):
		return nil, invalidContent("Could not parse request body into json")
	}
	return body, nil
}

// maxRefused is how much of a body that is too large is read all the same:
// clients look for the answer when they have sent it.
const maxRefused = 64 << 20

var errTooLarge = errors.New("the request is too large")

// readAll reads a body of at most limit bytes.
func readAll(r *http.Request, limit int64) ([]byte, error) {
	var body []byte
	var err error
	switch {
	case r.ContentLength > limit:
	case r.ContentLength >= 0:
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
		return body, err
	default:
		body, err = io.ReadAll(io.LimitReader(r.Body, limit+1))
		if err != nil || int64(len(body)) <= limit {
			return body, err
		}
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxRefused)
	return nil, errTooLarge
}
