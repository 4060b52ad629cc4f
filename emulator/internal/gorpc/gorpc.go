// Package gorpc speaks the protocol of functions built for the go1.x runtime:
// Go's net/rpc, which is gob over TCP, with the function as the server. The
// client is written out here because net/rpc brings html/template along.
package gorpc

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"io"
	"net"
	"time"

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
	if c.call("Function.Ping", struct{}{}, &struct{}{}) != nil {
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
	out      *bufio.Writer
	encoder  *gob.Encoder
	decoder  *gob.Decoder
	sequence uint64
}

func newClient(conn io.ReadWriter) *client {
	out := bufio.NewWriter(conn)
	return &client{out: out, encoder: gob.NewEncoder(out), decoder: gob.NewDecoder(bufio.NewReader(conn))}
}

func (c *client) invoke(call *runtimeapi.Call) (result lambda.Result, exit bool, err error) {
	var response invokeResponse
	err = c.call("Function.Invoke", request(call), &response)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return lambda.Failure{Type: "Runtime.Unknown", Message: err.Error()}.Result(), false, nil
	case err != nil:
		return lambda.Result{}, false, err
	}
	return response.result(), response.Error != nil && response.Error.ShouldExit, nil
}

// refusal is an error that the function's RPC server has answered with.
type refusal string

func (r refusal) Error() string { return string(r) }

// requestHeader and responseHeader precede arguments and reply. (net/rpc)
type requestHeader struct {
	ServiceMethod string
	Seq           uint64
}

type responseHeader struct {
	ServiceMethod string
	Seq           uint64
	Error         string
}

func (c *client) call(method string, arguments, reply any) error {
	c.sequence++
	err := errors.Join(
		c.encoder.Encode(requestHeader{method, c.sequence}),
		c.encoder.Encode(arguments),
		c.out.Flush(),
	)
	if err != nil {
		return err
	}
	var header responseHeader
	if err := c.decoder.Decode(&header); err != nil {
		return err
	}
	if header.Error != "" {
		return errors.Join(refusal(header.Error), c.decoder.Decode(&struct{}{}))
	}
	return c.decoder.Decode(reply)
}

// The messages of Function.Invoke. (aws-lambda-go, lambda/messages)
type (
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
	timestamp struct {
		Seconds int64
		Nanos   int64
	}
	invokeResponse struct {
		Payload []byte
		Error   *invokeError
	}
	invokeError struct {
		Message    string        `json:"errorMessage"`
		Type       string        `json:"errorType"`
		StackTrace []*stackFrame `json:"stackTrace,omitempty"`
		ShouldExit bool          `json:"-"`
	}
	stackFrame struct {
		Path  string `json:"path"`
		Line  int32  `json:"line"`
		Label string `json:"label"`
	}
)

func request(c *runtimeapi.Call) invokeRequest {
	inv := c.Invocation
	r := invokeRequest{
		Payload:            inv.Payload,
		RequestId:          inv.ID,
		XAmznTraceId:       inv.TraceID,
		Deadline:           timestamp{c.Deadline.Unix(), int64(c.Deadline.Nanosecond())},
		InvokedFunctionArn: inv.FunctionARN,
		ClientContext:      []byte(inv.ClientContext),
	}
	var identity struct {
		CognitoIdentityID     string `json:"cognitoIdentityId"`
		CognitoIdentityPoolID string `json:"cognitoIdentityPoolId"`
	}
	if json.Unmarshal([]byte(inv.CognitoIdentity), &identity) == nil {
		r.CognitoIdentityId, r.CognitoIdentityPoolId = identity.CognitoIdentityID, identity.CognitoIdentityPoolID
	}
	return r
}

func (r invokeResponse) result() lambda.Result {
	if r.Error == nil {
		return lambda.Result{Payload: r.Payload}
	}
	document, err := json.Marshal(r.Error)
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return lambda.Result{Payload: document, Failed: true, ErrorType: r.Error.Type}
}
