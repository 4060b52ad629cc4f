// A function built on AWS's client for Go.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Fail   bool `json:"fail"`
	Stream bool `json:"stream"`
}

func handle(ctx context.Context, e event) (any, error) {
	fmt.Println("in the handler")
	switch {
	case e.Fail:
		return nil, errors.New("on request")
	case e.Stream:
		return io.Reader(strings.NewReader("one two")), nil
	}
	c, _ := lambdacontext.FromContext(ctx)
	return map[string]any{"id": c.AwsRequestID, "arn": c.InvokedFunctionArn, "name": lambdacontext.FunctionName}, nil
}

func main() { lambda.Start(handle) }
