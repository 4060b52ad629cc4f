// Package gorpc speaks the protocol of functions built for the go1.x runtime:
// Go's net/rpc, which is gob over TCP, with the function as the server. The
// client is written out here because net/rpc brings html/template along, and
// encoding/gob a longer start.
package gorpc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"time"

	"lambda-factory/emulator/internal/gobwire"
	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/runtimeapi"
)

// dialInterval is the time between two tries to reach a function that is still
// starting.
const dialInterval = 5 * time.Millisecond

// Run connects to the function at address and passes the invocations of a
// session to it. It ends with ctx, with the connection, or when the function
// turns out to speak the Runtime API. It tells whether the function is to be
// ended, which has panicked.
func Run(ctx context.Context, address string, session *runtimeapi.Session) (exit bool) {
	conn := dial(ctx, address, session.Began())
	if conn == nil {
		return false
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	c := newClient(conn)
	if _, err := c.call("Function.Ping", gobwire.Struct{Name: "PingRequest"}); err != nil {
		return false
	}
	for {
		call, err := session.Next(ctx, always)
		if err != nil {
			return false
		}
		result, exit, err := c.invoke(call)
		if err != nil {
			return false // the function has exited, and that is noticed by its parent
		}
		session.Finish(call, result)
		if exit {
			return true
		}
	}
}

func always() bool { return true }

func dial(ctx context.Context, address string, needless <-chan struct{}) net.Conn {
	again := time.NewTicker(dialInterval)
	defer again.Stop()
	for {
		if conn, err := net.Dial("tcp", address); err == nil {
			return conn
		}
		select {
		case <-again.C:
		case <-needless:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

// client makes calls over one connection, one after the other.
type client struct {
	conn     io.Writer
	encoder  *gobwire.Encoder
	decoder  *gobwire.Decoder
	sequence uint64
}

func newClient(conn io.ReadWriter) *client {
	return &client{conn: conn, encoder: gobwire.NewEncoder(), decoder: gobwire.NewDecoder(conn)}
}

func (c *client) invoke(call *runtimeapi.Call) (result lambda.Result, exit bool, err error) {
	response, err := c.call("Function.Invoke", request(call))
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return lambda.Failure{Type: "Runtime.Unknown", Message: err.Error()}.Result(), false, nil
	case err != nil:
		return lambda.Result{}, false, err
	}
	result, exit = answer(response)
	return result, exit, nil
}

// refusal is an error that the function's RPC server has answered with.
type refusal string

func (r refusal) Error() string { return string(r) }

// call sends a header and the arguments, and receives a header and the reply.
// (net/rpc)
func (c *client) call(method string, arguments gobwire.Struct) (gobwire.Value, error) {
	c.sequence++
	message := c.encoder.Append(nil, gobwire.Struct{Name: "Request", Fields: []gobwire.Field{
		{Name: "ServiceMethod", Value: method},
		{Name: "Seq", Value: c.sequence},
	}})
	if _, err := c.conn.Write(c.encoder.Append(message, arguments)); err != nil {
		return nil, err
	}
	header, err := c.decoder.Next()
	if err != nil {
		return nil, err
	}
	reply, err := c.decoder.Next()
	if text, failed := header["Error"].(string); failed {
		err = errors.Join(refusal(text), err)
	}
	return reply, err
}

// request makes the argument of Function.Invoke. (aws-lambda-go, lambda/messages)
func request(c *runtimeapi.Call) gobwire.Struct {
	inv := c.Invocation
	var identity struct {
		CognitoIdentityID     string `json:"cognitoIdentityId"`
		CognitoIdentityPoolID string `json:"cognitoIdentityPoolId"`
	}
	_ = json.Unmarshal([]byte(inv.CognitoIdentity), &identity) // there may be none
	return gobwire.Struct{Name: "InvokeRequest", Fields: []gobwire.Field{
		{Name: "Payload", Value: inv.Payload},
		{Name: "RequestId", Value: inv.ID},
		{Name: "XAmznTraceId", Value: inv.TraceID},
		{Name: "Deadline", Value: gobwire.Struct{Name: "Timestamp", Fields: []gobwire.Field{
			{Name: "Seconds", Value: c.Deadline.Unix()},
			{Name: "Nanos", Value: int64(c.Deadline.Nanosecond())},
		}}},
		{Name: "InvokedFunctionArn", Value: inv.FunctionARN},
		{Name: "CognitoIdentityId", Value: identity.CognitoIdentityID},
		{Name: "CognitoIdentityPoolId", Value: identity.CognitoIdentityPoolID},
		{Name: "ClientContext", Value: []byte(inv.ClientContext)},
	}}
}

// document is the error that a function answers with.
type document struct {
	Message    string       `json:"errorMessage"`
	Type       string       `json:"errorType"`
	StackTrace []stackFrame `json:"stackTrace,omitempty"`
}

type stackFrame struct {
	Path  string `json:"path"`
	Line  int64  `json:"line"`
	Label string `json:"label"`
}

// answer reads the reply of Function.Invoke. It tells whether the function has
// panicked.
func answer(response gobwire.Value) (result lambda.Result, exit bool) {
	failure, failed := response["Error"].(gobwire.Value)
	if !failed {
		payload, _ := response["Payload"].([]byte)
		return lambda.Result{Payload: payload}, false
	}
	var d document
	d.Message, _ = failure["Message"].(string)
	d.Type, _ = failure["Type"].(string)
	frames, _ := failure["StackTrace"].([]any)
	for _, entry := range frames {
		frame, _ := entry.(gobwire.Value)
		path, _ := frame["Path"].(string)
		line, _ := frame["Line"].(int64)
		label, _ := frame["Label"].(string)
		d.StackTrace = append(d.StackTrace, stackFrame{path, line, label})
	}
	content, err := json.Marshal(d)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	exit, _ = failure["ShouldExit"].(bool)
	return lambda.Result{Payload: content, Failed: true, ErrorType: d.Type}, exit
}
