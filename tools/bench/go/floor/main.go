// Command floor is the least that an emulator on net/http could do: hand each
// invocation to a runtime that waits for one, and its answer to the caller. No
// checks, no logs, no limits.
//
//	floor API-PORT RUNTIMES BOOTSTRAP
package main

import (
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
)

func main() {
	runtimes, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	public, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	private, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	r := &relay{waiting: make(chan *invocation)}
	go func() { log.Fatal(http.Serve(private, r.runtimeAPI())) }()
	for range runtimes { // they end when their connection does
		child := exec.Command(os.Args[3])
		child.Env = append(os.Environ(), "AWS_LAMBDA_RUNTIME_API="+private.Addr().String())
		if err := child.Start(); err != nil {
			log.Fatal(err)
		}
	}
	log.Fatal(http.Serve(public, http.HandlerFunc(r.invoke)))
}

type invocation struct {
	payload []byte
	answer  chan []byte
}

type relay struct {
	waiting chan *invocation
	flying  sync.Map // invocations that a runtime has, by id
	last    atomic.Int64
}

func (r *relay) invoke(w http.ResponseWriter, request *http.Request) {
	inv := &invocation{payload: body(request), answer: make(chan []byte, 1)}
	r.waiting <- inv
	reply(w, <-inv.answer)
}

func (r *relay) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", r.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", r.response)
	return mux
}

func (r *relay) next(w http.ResponseWriter, _ *http.Request) {
	inv := <-r.waiting
	id := strconv.FormatInt(r.last.Add(1), 10)
	r.flying.Store(id, inv)
	w.Header().Set("Lambda-Runtime-Aws-Request-Id", id)
	reply(w, inv.payload)
}

func (r *relay) response(w http.ResponseWriter, request *http.Request) {
	payload := body(request)
	if inv, ok := r.flying.LoadAndDelete(request.PathValue("id")); ok {
		inv.(*invocation).answer <- payload
	}
	w.WriteHeader(http.StatusAccepted)
}

// body reads a request's body, whose length is known, in one piece.
func body(request *http.Request) []byte {
	content := make([]byte, request.ContentLength)
	if _, err := io.ReadFull(request.Body, content); err != nil {
		log.Fatal(err)
	}
	return content
}

func reply(w http.ResponseWriter, content []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	w.Write(content) // an error means that nobody is there any more
}
