package runtimeapi

import (
	"net/http"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/refusal"
)

var (
	errInvalidRequestID = refusal.New(http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	errInvalidMode      = refusal.New(http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode")
	errTruncated        = refusal.New(http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated")
	errTooLarge         = refusal.New(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		"Exceeded maximum allowed payload size (%d bytes).", lambda.MaxResponse)
)

// transition refuses a request that the runtime's present state does not allow.
func transition(from, to string) error {
	return refusal.Transition("InvalidStateTransition", from, to, "runtime")
}
