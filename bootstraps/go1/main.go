// Command bootstrap runs functions that were built for the go1.x runtime. Such a
// function is a program that serves Go's net/rpc; the bootstrap starts it and
// passes the invocations of Lambda's Runtime API to it. A program that speaks the
// Runtime API itself is left alone.
package main

import (
	"fmt"
	"os"
	"time"
)

// settleLimit bounds the wait for what a program answered before it exited.
const settleLimit = 200 * time.Millisecond

func main() {
	api := runtimeAPI("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/")
	p, err := start(handlerPath(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, explain(err))
		_ = api.fail("init/error", startError(err)) // the exit tells too
		os.Exit(1)
	}
	answering := make(chan struct{}, 1) // full while an answer is on its way
	go func() {
		if serve(api, p, answering) {
			p.kill()
		}
	}()
	p.wait()
	select {
	case answering <- struct{}{}:
	case <-time.After(settleLimit): // a descendant may hold the connection open
	}
	p.dieAlike()
}

// serve passes invocations to the program until one of the two is gone. It tells
// whether the program is to be ended: it has panicked, or there is nobody to
// answer.
func serve(api runtimeAPI, p *program, answering chan struct{}) (end bool) {
	f := connect(p)
	if f == nil {
		return false
	}
	for {
		inv, err := api.next()
		if err != nil {
			return true
		}
		answering <- struct{}{}
		answer, err := f.invoke(inv)
		if err != nil {
			<-answering
			return false // the program has exited, and that is noticed by its parent
		}
		err = deliver(api, inv.id, answer)
		<-answering
		if err != nil || answer.panicked() {
			return true
		}
	}
}

func deliver(api runtimeAPI, id string, answer *invokeResponse) error {
	if answer.Error != nil {
		return api.fail("invocation/"+id+"/error", answer.Error)
	}
	return api.respond(id, answer.Payload)
}
