package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"syscall"
	"time"

	"lambda-factory/emulator/internal/config"
	"lambda-factory/emulator/internal/fleet"
	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/sandbox"
)

// once invokes the function a single time and prints its answer as the last line
// of standard output.
func (p Process) once(c *config.Config, f *fleet.Fleet, door *sandbox.Door, signals <-chan os.Signal) int {
	closeDoor, err := openDoor(door)
	if err != nil {
		return p.fail(exitFailure, err)
	}
	defer closeDoor()
	defer f.Close()
	inv, err := p.invocation(c)
	if err != nil {
		return p.fail(exitFailure, err)
	}
	answered := make(chan lambda.Result, 1)
	go func() {
		var result lambda.Result
		// It fails only once f is closed. The answer is printed after the log.
		_ = f.Invoke(context.Background(), inv, func(r lambda.Result) { result = r })
		answered <- result
	}()
	for {
		select {
		case result := <-answered:
			return p.print(result)
		case sig := <-signals:
			if sig == syscall.SIGHUP { // there is nothing to reload yet
				continue
			}
			f.Close()
			<-answered
			return exitSignal + int(sig.(syscall.Signal))
		}
	}
}

func (p Process) invocation(c *config.Config) (*lambda.Invocation, error) {
	inv := &lambda.Invocation{
		ID:              lambda.NewID(),
		Payload:         c.Event,
		FunctionARN:     c.ARN,
		TraceID:         cmp.Or(c.TraceID, lambda.NewTraceID(time.Now())),
		ClientContext:   c.ClientContext,
		CognitoIdentity: c.Cognito,
	}
	if c.EventFromStdin {
		event, err := io.ReadAll(p.Stdin)
		if err != nil {
			return nil, err
		}
		if inv.Payload = event; len(event) == 0 {
			inv.Payload = []byte("{}")
		}
	}
	return inv, nil
}

func (p Process) print(result lambda.Result) int {
	if _, err := p.Stdout.Write(append(oneLine(result.Payload), '\n')); err != nil {
		return p.fail(exitFailure, err)
	}
	if result.Failed {
		return exitFunctionError
	}
	return exitOK
}

// oneLine gives JSON that was written over several lines the form that a reader
// of the last line expects. Other text stays as it is.
func oneLine(payload []byte) []byte {
	if bytes.IndexByte(payload, '\n') < 0 {
		return payload
	}
	var compact bytes.Buffer
	if json.Compact(&compact, payload) != nil {
		return payload
	}
	return compact.Bytes()
}
