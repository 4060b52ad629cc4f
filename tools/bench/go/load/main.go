// Command load invokes a function a fixed number of times, checks each answer,
// and prints what it measured as JSON.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"lambda-factory/bench/internal/wire"
)

const path = "/2015-03-31/functions/function/invocations"

type plan struct {
	address string
	clients int
	warm    int // invocations of each client that do not count
	count   int // invocations of each client that do
	size    int // of the payload, in bytes
	reload  int // the process that gets SIGHUP after the invocations, or 0
	times   int // how often all of this is done
}

type measured struct {
	P50   float64 `json:"p50"`   // microseconds
	P99   float64 `json:"p99"`   // microseconds
	Rate  float64 `json:"rate"`  // invocations a second
	First float64 `json:"first"` // milliseconds from exec to the first answer
}

func main() {
	var p plan
	port := flag.Int("port", 0, "of the Invoke API, on loopback")
	flag.IntVar(&p.clients, "clients", 1, "that invoke at once")
	flag.IntVar(&p.warm, "warm", 0, "invocations of each client that do not count")
	flag.IntVar(&p.count, "count", 1, "invocations of each client")
	flag.IntVar(&p.size, "size", 32, "bytes of the payload")
	flag.IntVar(&p.reload, "reload", 0, "process that gets SIGHUP after the invocations")
	flag.IntVar(&p.times, "times", 1, "how often the invocations are done")
	flag.Parse()
	p.address = net.JoinHostPort("127.0.0.1", strconv.Itoa(*port))
	result, err := run(p, flag.Args())
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func run(p plan, command []string) (measured, error) {
	if len(command) > 0 {
		return p.first(command)
	}
	return p.load()
}

// first starts a server and waits for its first answer.
func (p plan) first(command []string) (measured, error) {
	server := exec.Command(command[0], command[1:]...)
	request := wire.Request("POST", path, payload(p.size))
	var answer bytes.Buffer
	started := time.Now()
	if err := server.Start(); err != nil {
		return measured{}, err
	}
	defer server.Wait()
	defer server.Process.Signal(syscall.SIGTERM)
	conn, err := dial(p.address, started.Add(10*time.Second))
	if err != nil {
		return measured{}, err
	}
	defer conn.Close()
	_, err = conn.Do(request, &answer)
	return measured{First: time.Since(started).Seconds() * 1e3}, err
}

// dial tries until somebody listens.
func dial(address string, limit time.Time) (*wire.Conn, error) {
	for {
		conn, err := wire.Dial(address)
		if err == nil || !errors.Is(err, syscall.ECONNREFUSED) || time.Now().After(limit) {
			return conn, err
		}
		time.Sleep(50 * time.Microsecond) // the server needs the core
	}
}

func (p plan) load() (measured, error) {
	times := make([][]time.Duration, p.clients)
	failures := make([]error, p.clients)
	var ready, done sync.WaitGroup
	begin := make(chan struct{})
	ready.Add(p.clients)
	for i := range p.clients {
		done.Go(func() { times[i], failures[i] = p.client(&ready, begin) })
	}
	ready.Wait()
	started := time.Now()
	close(begin)
	done.Wait()
	all := slices.Concat(times...)
	rate := float64(len(all)) / time.Since(started).Seconds()
	slices.Sort(all)
	return measured{P50: percentile(all, 50), P99: percentile(all, 99), Rate: rate}, errors.Join(failures...)
}

// client warms up, waits for the others, and invokes.
func (p plan) client(ready *sync.WaitGroup, begin <-chan struct{}) ([]time.Duration, error) {
	c, err := newCaller(p)
	if err == nil {
		err = c.invoke(p.warm)
		c.times = c.times[:0]
	}
	ready.Done()
	<-begin
	for i := 0; i < p.times && err == nil; i++ {
		err = c.invoke(p.count)
		if p.reload > 0 && err == nil {
			err = syscall.Kill(p.reload, syscall.SIGHUP)
		}
	}
	if err != nil {
		return nil, err
	}
	return c.times, c.conn.Close()
}

type caller struct {
	conn    *wire.Conn
	payload []byte
	request []byte
	answer  bytes.Buffer
	times   []time.Duration
}

func newCaller(p plan) (*caller, error) {
	conn, err := wire.Dial(p.address)
	if err != nil {
		return nil, err
	}
	c := &caller{conn: conn, payload: payload(p.size)}
	c.request = wire.Request("POST", path, c.payload)
	c.times = make([]time.Duration, 0, max(p.warm, p.count*p.times))
	return c, nil
}

func (c *caller) invoke(count int) error {
	for range count {
		started := time.Now()
		if _, err := c.conn.Do(c.request, &c.answer); err != nil {
			return err
		}
		c.times = append(c.times, time.Since(started))
		if !bytes.Equal(c.answer.Bytes(), c.payload) {
			return fmt.Errorf("another answer than the event: %.200s", &c.answer)
		}
	}
	return nil
}

// payload is a JSON string of so many bytes.
func payload(size int) []byte {
	return slices.Concat([]byte(`"`), bytes.Repeat([]byte("x"), max(0, size-2)), []byte(`"`))
}

// percentile is in microseconds; the times are sorted.
func percentile(times []time.Duration, percent int) float64 {
	if len(times) == 0 {
		return 0
	}
	return float64(times[min(len(times)-1, len(times)*percent/100)].Nanoseconds()) / 1e3
}
