package testbed

import (
	"errors"
	"fmt"
	"net"
	"net/rpc"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// GoFunction is the name of the program that is a function as go1.x had them.
const GoFunction = "gofunction"

// gofunctionMain is that part, with net/rpc as in aws-lambda-go.
func gofunctionMain() {
	sleep(os.Getenv("TEST_SLOW_START"))
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	go func() {
		<-signals
		fmt.Println("the function is told to end")
		os.Exit(0)
	}()
	listener, err := net.Listen("tcp", "localhost:"+os.Getenv("_LAMBDA_SERVER_PORT"))
	if err != nil {
		os.Exit(96)
	}
	if err := rpc.RegisterName("Function", &function{}); err != nil {
		os.Exit(95)
	}
	rpc.Accept(listener)
}

type function struct{ count int }

// The messages, as in aws-lambda-go's package messages.
type (
	PingRequest   struct{}
	PingResponse  struct{}
	InvokeRequest struct {
		Payload            []byte
		RequestId          string
		XAmznTraceId       string
		Deadline           InvokeTimestamp
		InvokedFunctionArn string
		CognitoIdentityId  string
		ClientContext      []byte
	}
	InvokeTimestamp struct{ Seconds, Nanos int64 }
	InvokeResponse  struct {
		Payload []byte
		Error   *InvokeError
	}
	InvokeError struct {
		Message, Type string
		StackTrace    []*InvokeFrame
		ShouldExit    bool
	}
	InvokeFrame struct {
		Path  string
		Line  int32
		Label string
	}
)

// LastMoment is how long the function lives on after its last answer.
const LastMoment = 200 * time.Millisecond

func (f *function) Ping(*PingRequest, *PingResponse) error { return nil }

func (f *function) Invoke(request *InvokeRequest, response *InvokeResponse) error {
	f.count++
	fmt.Println("in the function")
	switch string(request.Payload) {
	case `"context"`:
		response.Payload = fmt.Appendf(nil, `{"arn":%q,"trace":%q,"identity":%q,"client":%s}`,
			request.InvokedFunctionArn, request.XAmznTraceId, request.CognitoIdentityId, request.ClientContext)
	case `"refuse"`:
		return errors.New("refused")
	case `"last"`:
		response.Payload = []byte(`"the last"`)
		go func() {
			time.Sleep(LastMoment) // time for the answer to be written, on a busy machine too
			os.Exit(0)
		}()
	case `"panic"`:
		response.Error = &InvokeError{Message: "oh no", Type: "errorString", ShouldExit: true,
			StackTrace: []*InvokeFrame{{Path: "main.go", Line: 7, Label: "main"}}}
	case `"error"`:
		response.Error = &InvokeError{Message: "no", Type: "errorString"}
	case `"exit"`:
		os.Exit(4)
	default:
		response.Payload = fmt.Appendf(nil, `{"count":%d,"id":%q,"seconds":%d,"event":%s}`,
			f.count, request.RequestId, request.Deadline.Seconds, request.Payload)
	}
	return nil
}
