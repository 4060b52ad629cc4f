// Package refusal writes the error answers of the APIs inside a sandbox.
package refusal

import (
	"encoding/json"
	"fmt"
	"net/http"

	"lambda-factory/emulator/internal/lambda"
)

// Refusal is an error answer: a status and an error document.
type Refusal struct {
	Status int
	lambda.Failure
}

// New makes a refusal.
func New(status int, kind, format string, args ...any) *Refusal {
	return &Refusal{status, lambda.Failure{Type: kind, Message: fmt.Sprintf(format, args...)}}
}

// Transition refuses what the present state of a runtime or an extension does
// not allow. (RIE)
func Transition(kind, from, to, who string) *Refusal {
	return New(http.StatusForbidden, kind, "State transition from %s to %s failed for %s. Error: State transition is not allowed",
		from, to, who)
}

// Refusals of every API.
var (
	NotFound = New(http.StatusNotFound, "NotFound", "No such path in this API")
	Method   = New(http.StatusMethodNotAllowed, "MethodNotAllowed", "Method not allowed for this path")
)

func (r *Refusal) Error() string { return r.Type + ": " + r.Message }

// Write sends an error; one that is not a Refusal is an internal one.
func Write(w http.ResponseWriter, err error) {
	r, ok := err.(*Refusal)
	if !ok {
		r = New(http.StatusInternalServerError, "InternalServerError", "Internal Server Error")
	}
	body, err := json.Marshal(r.Failure)
	if err != nil {
		panic(err) // two strings always marshal
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(r.Status)
	_, _ = w.Write(body)
}
