package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/rpc"
	"time"
)

// The messages, as in aws-lambda-go's package messages: gob matches their fields
// by name.
type (
	pingRequest   struct{}
	pingResponse  struct{}
	invokeRequest struct {
		Payload               []byte
		RequestId             string
		XAmznTraceId          string
		Deadline              timestamp
		InvokedFunctionArn    string
		CognitoIdentityId     string
		CognitoIdentityPoolId string
		ClientContext         []byte
	}
	timestamp      struct{ Seconds, Nanos int64 }
	invokeResponse struct {
		Payload []byte
		Error   *invokeError
	}
	invokeError struct {
		Message    string       `json:"errorMessage"`
		Type       string       `json:"errorType"`
		StackTrace []stackFrame `json:"stackTrace,omitempty"`
		ShouldExit bool         `json:"-"`
	}
	stackFrame struct {
		Path  string `json:"path"`
		Line  int32  `json:"line"`
		Label string `json:"label"`
	}
)

// panicked tells whether the function expects to be ended.
func (r *invokeResponse) panicked() bool { return r.Error != nil && r.Error.ShouldExit }

// function is a program that is called by RPC.
type function struct{ client *rpc.Client }

// connect waits for the program to serve RPC. It gives nil when that has exited,
// or is no function.
func connect(p *program) *function {
	conn := dial(p)
	if conn == nil {
		return nil
	}
	client := rpc.NewClient(conn)
	if err := client.Call("Function.Ping", &pingRequest{}, &pingResponse{}); err != nil {
		return nil
	}
	return &function{client}
}

// The time between two tries to reach a program that is still starting. It grows:
// one that speaks the Runtime API will never listen.
const (
	shortestPause = 5 * time.Millisecond
	longestPause  = time.Second
)

func dial(p *program) net.Conn {
	for began := time.Now(); ; {
		if conn, err := net.Dial("tcp", "127.0.0.1:"+p.port); err == nil {
			return conn
		}
		pause := min(max(time.Since(began)/50, shortestPause), longestPause)
		select {
		case <-time.After(pause):
		case <-p.exited:
			return nil
		}
	}
}

// invoke makes a call. An error that the RPC server has answered with is one of
// the function; any other is the end of it.
func (f *function) invoke(inv *invocation) (*invokeResponse, error) {
	response := &invokeResponse{}
	err := f.client.Call("Function.Invoke", request(inv), response)
	var refused rpc.ServerError
	if errors.As(err, &refused) {
		return &invokeResponse{Error: &invokeError{Message: refused.Error(), Type: "Runtime.Unknown"}}, nil
	}
	return response, err
}

func request(inv *invocation) *invokeRequest {
	var identity struct {
		CognitoIdentityID     string `json:"cognitoIdentityId"`
		CognitoIdentityPoolID string `json:"cognitoIdentityPoolId"`
	}
	_ = json.Unmarshal([]byte(inv.cognitoIdentity), &identity) // there may be none
	return &invokeRequest{
		Payload:               inv.payload,
		RequestId:             inv.id,
		XAmznTraceId:          inv.traceID,
		Deadline:              timestamp{inv.deadline.Unix(), int64(inv.deadline.Nanosecond())},
		InvokedFunctionArn:    inv.functionARN,
		CognitoIdentityId:     identity.CognitoIdentityID,
		CognitoIdentityPoolId: identity.CognitoIdentityPoolID,
		ClientContext:         []byte(inv.clientContext),
	}
}
