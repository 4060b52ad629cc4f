// A function built on AWS's client for Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Sleep  int  `json:"sleep"`
	Exit   *int `json:"exit"`
	Fail   bool `json:"fail"`
	Stream bool `json:"stream"`
	Midway bool `json:"midway"`
}

func handle(ctx context.Context, e event) (any, error) {
	fmt.Println("in the handler")
	time.Sleep(time.Duration(e.Sleep) * time.Millisecond)
	switch {
	case e.Exit != nil:
		os.Exit(*e.Exit)
	case e.Fail:
		return nil, errors.New("on request")
	case e.Stream:
		return stream(e.Midway), nil
	}
	c, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"id": c.AwsRequestID, "arn": c.InvokedFunctionArn, "name": lambdacontext.FunctionName,
		"left": time.Until(deadline).Milliseconds(), "custom": c.ClientContext.Custom, "process": os.Getpid(),
	}, nil
}

// stream comes in two pieces with a pause between them, and an error instead of
// the second one if it is to end midway.
func stream(midway bool) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		fmt.Fprint(writer, "one")
		time.Sleep(300 * time.Millisecond)
		if midway {
			writer.CloseWithError(errors.New("midway"))
			return
		}
		fmt.Fprint(writer, " two")
		writer.Close()
	}()
	return reader
}

func main() {
	if os.Getenv("JUDGE_FAILS_TO_START") != "" {
		log.Fatal("on request")
	}
	lambda.Start(handle)
}
