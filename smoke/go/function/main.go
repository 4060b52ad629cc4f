// What the smoke tests invoke: a function that tells what it sees, or fails when told to. Built as it is, it speaks
// go1.x's RPC when it is called so; with the tag lambda.norpc it is a bootstrap for a custom runtime.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

var (
	count   int
	process = fmt.Sprintf("%d-%d", os.Getpid(), rand.New(rand.NewSource(time.Now().UnixNano())).Int63())
)

type request struct{ Do, Say string }

type seenContext struct {
	Name        string `json:"name"`
	Version     string `json:"version"`
	Memory      int    `json:"memory"`
	ARN         string `json:"arn"`
	RequestID   string `json:"request_id"`
	RemainingMS int64  `json:"remaining_ms"`
}

type description struct {
	Event    json.RawMessage `json:"event"`
	Context  seenContext     `json:"context"`
	Version  string          `json:"version"`
	Machine  string          `json:"machine"`
	UID      int             `json:"uid"`
	GID      int             `json:"gid"`
	Dir      string          `json:"cwd"`
	Writable bool            `json:"writable"`
	Layer    *string         `json:"layer"`
	Process  string          `json:"process"`
	Count    int             `json:"count"`
}

func handle(ctx context.Context, event json.RawMessage) (*description, error) {
	count++
	var asked request
	if err := json.Unmarshal(event, &asked); err != nil {
		return nil, err
	}
	if asked.Say != "" {
		fmt.Println(asked.Say)
	}
	if asked.Do == "fail" {
		return nil, errors.New("told to fail")
	}
	dir, err := os.Getwd()
	return &description{
		Event: event, Context: contextOf(ctx), Version: strings.TrimPrefix(runtime.Version(), "go"), Machine: machine(), UID: os.Getuid(), GID: os.Getgid(),
		Dir: dir, Writable: writable(), Layer: layer(), Process: process, Count: count,
	}, err
}

func contextOf(ctx context.Context) seenContext {
	seen := seenContext{
		Name: lambdacontext.FunctionName, Version: lambdacontext.FunctionVersion, Memory: lambdacontext.MemoryLimitInMB,
	}
	if known, ok := lambdacontext.FromContext(ctx); ok {
		seen.ARN, seen.RequestID = known.InvokedFunctionArn, known.AwsRequestID
	}
	if deadline, ok := ctx.Deadline(); ok {
		seen.RemainingMS = time.Until(deadline).Milliseconds()
	}
	return seen
}

func machine() string {
	if runtime.GOARCH == "arm64" {
		return "aarch64"
	}
	return "x86_64"
}

func writable() bool {
	return os.WriteFile("/var/task/written", nil, 0o644) == nil
}

func layer() *string {
	content, err := os.ReadFile("/opt/layer.txt")
	if err != nil {
		return nil
	}
	text := string(content)
	return &text
}

func main() { lambda.Start(handle) }
