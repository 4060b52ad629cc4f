// Command runtime is a function that returns its event, and as little of a
// runtime as the Runtime API allows. BENCH_DELAY is how long its handler takes;
// BENCH_STARTS names a file that grows by a byte with each start.
package main

import (
	"bytes"
	"log"
	"os"
	"time"

	"lambda-factory/bench/internal/wire"
)

const prefix = "/2018-06-01/runtime/invocation/"

func main() {
	if err := count(os.Getenv("BENCH_STARTS")); err != nil {
		log.Fatal(err)
	}
	delay, err := time.ParseDuration(os.Getenv("BENCH_DELAY"))
	if err != nil {
		delay = 0
	}
	log.Fatal(serve(os.Getenv("AWS_LAMBDA_RUNTIME_API"), delay))
}

func serve(address string, delay time.Duration) error {
	conn, err := wire.Dial(address)
	if err != nil {
		return err
	}
	next := wire.Request("GET", prefix+"next", nil)
	var event, ignored bytes.Buffer
	for {
		header, err := conn.Do(next, &event)
		if err != nil {
			return err
		}
		if delay > 0 {
			time.Sleep(delay)
		}
		id := header.Get("Lambda-Runtime-Aws-Request-Id")
		if _, err := conn.Do(wire.Request("POST", prefix+id+"/response", event.Bytes()), &ignored); err != nil {
			return err
		}
	}
}

func count(file string) error {
	if file == "" {
		return nil
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString("."); err != nil {
		return err
	}
	return f.Close()
}
