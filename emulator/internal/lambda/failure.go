package lambda

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Failure is the error document of Lambda itself, as opposed to one that a
// function wrote.
type Failure struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

// Result turns the document into the answer to an invocation.
func (f Failure) Result() Result {
	payload, err := json.Marshal(f)
	if err != nil {
		panic(err) // two strings always marshal
	}
	return Result{Payload: payload, Failed: true, ErrorType: f.Type}
}

// For returns the failure as one of a request.
func (f Failure) For(id string) Failure {
	return Failure{Type: f.Type, Message: forRequest(id, f.Message)}
}

// forRequest prefixes a reason as Lambda does. [aws]
func forRequest(id, reason string) string {
	return "RequestId: " + id + " Error: " + reason
}

// TimedOut is the answer when the function's time is over. [aws]
func TimedOut(id string, limit time.Duration) Failure {
	return Failure{Type: "Sandbox.Timedout", Message: forRequest(id, timedOutAfter(limit))}
}

// TimeoutLine is the log line of a timeout. [aws]
func TimeoutLine(now time.Time, id string, limit time.Duration) string {
	return now.UTC().Format("2006-01-02T15:04:05.000Z") + " " + id + " " + timedOutAfter(limit)
}

func timedOutAfter(limit time.Duration) string {
	return "Task timed out after " + strconv.FormatFloat(limit.Seconds(), 'f', 2, 64) + " seconds"
}

// Exited is the answer when the runtime process ended without one; reason is
// empty for exit status 0. [aws]
func Exited(id, reason string) Failure {
	text := "Runtime exited without providing a reason"
	if reason != "" {
		text = "Runtime exited with error: " + reason
	}
	return Failure{Type: "Runtime.ExitError", Message: forRequest(id, text)}
}

// NoBootstrap is the answer when there is no runtime to start.
func NoBootstrap(id string, reason error) Failure {
	return Failure{Type: "Runtime.InvalidEntrypoint", Message: forRequest(id, reason.Error())}
}

// ResponseTooLarge is the answer to a response above MaxResponse. [aws]
func ResponseTooLarge() Failure {
	return Failure{
		Type:    "Function.ResponseSizeTooLarge",
		Message: fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxResponse),
	}
}

// TruncatedResponse is the error at the end of a stream that broke off.
func TruncatedResponse() Failure {
	return Failure{Type: "Runtime.TruncatedResponse", Message: "The response of the runtime broke off"}
}

// Interrupted is the answer to an invocation that the emulator's own end cut off.
func Interrupted(id string) Failure {
	return Failure{Type: "Sandbox.Shutdown", Message: forRequest(id, "The emulator is shutting down")}
}
