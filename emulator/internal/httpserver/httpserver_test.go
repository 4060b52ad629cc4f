package httpserver

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

const patience = 20 * time.Second

func start(t testing.TB, handler http.HandlerFunc, limits Limits) *Server {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Start(listener, handler, limits)
	t.Cleanup(s.Close)
	return s
}

func dial(t testing.TB, s *Server) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// echo answers with the method and the body; the path says how.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
	switch r.URL.Path {
	case "/length":
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	case "/chunks":
		for _, b := range body {
			_, _ = w.Write([]byte{b})
			_ = w.(interface{ FlushError() error }).FlushError()
		}
	case "/none":
		w.WriteHeader(http.StatusNoContent)
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/split":
		w.Header().Set("X", "a\r\nInjected: 1")
	default:
		_, _ = w.Write(body)
		for key := range r.Trailer {
			_, _ = io.WriteString(w, key+"="+r.Trailer.Get(key))
		}
	}
}

func TestResponses(t *testing.T) {
	s := start(t, echo, Limits{})
	large := strings.Repeat("0123456789", 100_000)
	for _, c := range []struct{ method, path, body, want string }{
		{"POST", "/", "hello", "hello"}, {"POST", "/length", "hello", "hello"}, {"POST", "/chunks", "hello", "hello"},
		{"POST", "/", large, large}, {"POST", "/length", large, large}, {"GET", "/", "", ""}, {"HEAD", "/length", "", ""},
		{"POST", "/none", "x", ""}, {"POST", "/split", "", ""},
	} {
		request, _ := http.NewRequest(c.method, "http://"+s.Addr().String()+c.path, strings.NewReader(c.body))
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatalf("%s %s: %v", c.method, c.path, err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || string(body) != c.want {
			t.Errorf("%s %s: %d bytes, %v", c.method, c.path, len(body), err)
		}
		if response.Header.Get("Date") == "" || response.Header.Get("Injected") != "" {
			t.Errorf("%s %s: headers %v", c.method, c.path, response.Header)
		}
	}
}

// exchange sends raw requests over one connection and returns all that comes.
func exchange(t testing.TB, s *Server, requests string) string {
	t.Helper()
	conn := dial(t, s)
	if _, err := io.WriteString(conn, requests); err != nil {
		t.Fatal(err)
	}
	all, _ := io.ReadAll(conn)
	return string(all)
}

func TestConnections(t *testing.T) {
	s := start(t, echo, Limits{HeaderBytes: 4 << 10, Header: time.Second})
	for name, c := range map[string]struct {
		send string
		want []string
	}{
		"pipelined":      {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\naPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nConnection: close\r\n\r\nb", []string{"\r\n\r\na", "\r\n\r\nb"}},
		"HTTP/1.0":       {"POST / HTTP/1.0\r\nContent-Length: 1\r\n\r\na", []string{"Connection: close", "\r\n\r\na"}},
		"1.0 keep-alive": {"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\naGET / HTTP/1.0\r\n\r\n", []string{"Connection: keep-alive", "Connection: close"}},
		"trailers": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n0\r\nX-After: b\r\n\r\n",
			[]string{"aX-After=b"}},
		"continue": {"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\na",
			[]string{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"}},
		"abort":      {"GET /abort HTTP/1.1\r\nHost: x\r\n\r\n", nil},
		"garbage":    {"\x00\r\n\r\n", []string{"HTTP/1.1 400"}},
		"large head": {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 32<<10) + "\r\n\r\n", []string{"HTTP/1.1 431"}},
		"slow head":  {"GET / HTTP/1.1\r\nHost: x\r\nX", []string{"HTTP/1.1 408"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := exchange(t, s, c.send)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in %q", want, got)
				}
			}
			if c.want == nil && got != "" {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestContextEndsWithTheClient(t *testing.T) {
	ended := make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		close(ended)
	}, Limits{})
	conn := dial(t, s)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na")
	conn.Close()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the context did not end")
	}
}

func TestConnectionGoesOnAfterItWasWatched(t *testing.T) {
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		r.Context().Done()
		_, _ = io.WriteString(w, "ok")
	}, Limits{})
	got := exchange(t, s, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
	if strings.Count(got, "\r\n\r\nok") != 3 {
		t.Errorf("got %q", got)
	}
}

func TestAlive(t *testing.T) {
	asked, left := make(chan struct{}), make(chan bool, 1)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		if !w.(interface{ Alive() bool }).Alive() {
			t.Error("not alive while the client waits")
		}
		close(asked)
		for w.(interface{ Alive() bool }).Alive() {
			time.Sleep(time.Millisecond)
		}
		left <- true
	}, Limits{})
	conn := dial(t, s)
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-asked
	conn.Close()
	select {
	case <-left:
	case <-time.After(patience):
		t.Fatal("alive without a client")
	}
}

func TestLimitOfConnections(t *testing.T) {
	s := start(t, echo, Limits{Connections: 2})
	first, second := dial(t, s), dial(t, s)
	_, _ = io.WriteString(second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := bufio.NewReader(second).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	third := dial(t, s) // the kernel takes it, the server does not yet
	_, _ = io.WriteString(third, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	_ = third.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if _, err := third.Read(make([]byte, 1)); err == nil {
		t.Error("a third connection was served")
	}
	first.Close()
	_ = third.SetReadDeadline(time.Now().Add(patience))
	if _, err := third.Read(make([]byte, 1)); err != nil {
		t.Error("the third connection was not served after the first:", err)
	}
}

func TestShutdownLetsARequestEnd(t *testing.T) {
	begun, finish := make(chan struct{}), make(chan struct{})
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "whole")
	}, Limits{})
	idle, busy := dial(t, s), dial(t, s)
	_, _ = io.WriteString(busy, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	down := make(chan struct{})
	go func() { s.Shutdown(patience); close(down) }()
	if _, err := idle.Read(make([]byte, 1)); err == nil {
		t.Error("the idle connection got something")
	}
	close(finish)
	if got, _ := io.ReadAll(busy); !bytes.Contains(got, []byte("whole")) {
		t.Errorf("got %q", got)
	}
	<-down
}

func TestClientWhoTakesNothingIsGivenUp(t *testing.T) {
	failed := make(chan error, 1)
	s := start(t, func(w http.ResponseWriter, r *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		failed <- err
	}, Limits{Write: 100 * time.Millisecond})
	_, _ = io.WriteString(dial(t, s), "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case <-failed:
	case <-time.After(patience):
		t.Fatal("the handler still writes")
	}
}
