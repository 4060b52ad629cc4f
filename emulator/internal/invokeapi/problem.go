package invokeapi

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// problem is an error answer of the Invoke API, in the shape that AWS's SDKs
// read: the type in a header, the message in the body. [aws]
type problem struct {
	status  int
	Name    string `json:"-"`
	Kind    string `json:"Type,omitempty"`
	Reason  string `json:"Reason,omitempty"`
	Message string `json:"message"`
}

func userProblem(status int, name, format string, args ...any) *problem {
	return &problem{status: status, Name: name, Kind: "User", Message: fmt.Sprintf(format, args...)}
}

func invalidContent(format string, args ...any) *problem {
	return userProblem(http.StatusBadRequest, "InvalidRequestContentException", format, args...)
}

func tooLarge(limit int64) *problem {
	return userProblem(http.StatusRequestEntityTooLarge, "RequestTooLargeException",
		"Request must be smaller than %d bytes for the InvokeFunction operation", limit)
}

func invalidValue(value, member, constraint string) *problem {
	return userProblem(http.StatusBadRequest, "ValidationException",
		"1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", value, member, constraint)
}

func throttled() *problem {
	p := userProblem(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
	p.Reason = "ReservedFunctionConcurrentInvocationLimitExceeded"
	return p
}

func unavailable(err error) *problem {
	return &problem{status: http.StatusServiceUnavailable, Name: "ServiceException", Kind: "Service", Message: err.Error()}
}

func unknownPath(path string) *problem {
	return &problem{status: http.StatusNotFound, Name: "UnknownOperationException",
		Message: "No operation of the Lambda API has the path " + path}
}

func wrongMethod(method string) *problem {
	return &problem{status: http.StatusMethodNotAllowed, Name: "MethodNotAllowedException",
		Message: "The operation does not take the method " + method}
}

func (p *problem) write(w http.ResponseWriter) {
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings always marshal
	}
	h := w.Header()
	h["Content-Type"] = contentTypeJSON
	h["X-Amzn-Errortype"] = []string{p.Name}
	w.WriteHeader(p.status)
	_, _ = w.Write(body)
}
