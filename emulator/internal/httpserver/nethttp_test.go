package httpserver

import (
	"bufio"
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// requests are what one may doubt, with the first answer that net/http gives.
var requests = map[string]struct {
	send string
	want string // the status; empty if the connection just ends
}{
	"no host":                       {"GET / HTTP/1.1\r\n\r\n", "400"},
	"no host, absolute form":        {"GET http://x/ HTTP/1.1\r\n\r\n", "400"},
	"no host in HTTP/1.0":           {"GET / HTTP/1.0\r\n\r\n", "200"},
	"no host to connect to":         {"CONNECT x:1 HTTP/1.1\r\nConnection: close\r\n\r\n", "200"},
	"more after a connect":          {"CONNECT x:1 HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "200"},
	"empty host":                    {"GET / HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n", "200"},
	"two hosts":                     {"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", "400"},
	"malformed host":                {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "400"},
	"malformed host, absolute form": {"GET http://x/ HTTP/1.1\r\nHost: a/b\r\n\r\n", "400"},
	"malformed host in HTTP/1.0":    {"GET / HTTP/1.0\r\nHost: <x>\r\n\r\n", "400"},
	"host of bytes beyond ASCII":    {"GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n", "400"},
	"host on two lines":             {"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", "400"},
	"space in a name":               {"GET / HTTP/1.1\r\nHost: x\r\nA B: 1\r\n\r\n", "400"},
	"space after a name":            {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length : 1\r\n\r\na", "400"},
	"name of other bytes":           {"GET / HTTP/1.1\r\nHost: x\r\nA\x00: 1\r\n\r\n", "400"},
	"no name":                       {"GET / HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n", "400"},
	"control byte in a value":       {"GET / HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n", "400"},
	"bare CR in a value":            {"GET / HTTP/1.1\r\nHost: x\r\nA: 1\r2\r\n\r\n", "400"},
	"bare LF":                       {"GET / HTTP/1.1\nHost: x\nConnection: close\n\n", "200"},
	"method that is no token":       {"G(T / HTTP/1.1\r\nHost: x\r\n\r\n", "400"},
	"version 0.9":                   {"GET / HTTP/0.9\r\nHost: x\r\n\r\n", "505"},
	"version 2":                     {"GET / HTTP/2.0\r\nHost: x\r\n\r\n", "505"},
	"version that is none":          {"GET / HTTP/1.x\r\nHost: x\r\n\r\n", "400"},
	"unknown encoding":              {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", "501"},
	"two encodings":                 {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "501"},
	"two lengths":                   {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400"},
	"negative length":               {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "400"},
	"length and encoding":           {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n", "200"},
	"expectation":                   {"POST / HTTP/1.1\r\nHost: x\r\nExpect: more\r\nContent-Length: 1\r\n\r\na", "417"},
	"expectation in HTTP/1.0":       {"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\na", "200"},
	"expectation among others":      {"POST / HTTP/1.1\r\nHost: x\r\nExpect: a, 100-Continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", "100"},
	"nothing":                       {"", ""},
	"part of a line":                {"GE", "400"},
}

func TestRequestsAreRefusedAsByNetHTTP(t *testing.T) {
	for name, c := range requests {
		t.Run(name, func(t *testing.T) {
			ours, theirs := serveHere(c.send), serveThere(c.send)
			if ours != theirs {
				t.Errorf("ours: got %q, net/http %q", ours, theirs)
			}
			if first, _, _ := strings.Cut(theirs, " "); first != c.want {
				t.Errorf("net/http: got %q, want %q", theirs, c.want)
			}
		})
	}
}

// memory is a connection whose client has sent all that it will.
type memory struct {
	net.Conn // there is no more to it
	in       *strings.Reader
	mu       sync.Mutex
	out      bytes.Buffer
	close    func()
}

func newMemory(sent string) (m *memory, closed chan struct{}) {
	closed = make(chan struct{})
	return &memory{in: strings.NewReader(sent), close: sync.OnceFunc(func() { close(closed) })}, closed
}

func (m *memory) Read(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.in.Read(p)
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.out.Write(p)
}

// CloseWrite is the end: net/http waits half a second after it.
func (m *memory) CloseWrite() error { return m.Close() }
func (m *memory) Close() error      { m.close(); return nil }

func (m *memory) LocalAddr() net.Addr              { return address{} }
func (m *memory) RemoteAddr() net.Addr             { return address{} }
func (m *memory) SetDeadline(time.Time) error      { return nil }
func (m *memory) SetReadDeadline(time.Time) error  { return nil }
func (m *memory) SetWriteDeadline(time.Time) error { return nil }

type address struct{}

func (address) Network() string { return "memory" }
func (address) String() string  { return "memory" }

var statusLine = regexp.MustCompile(`(?m)^HTTP/1\.[01] (\d\d\d) `)

// statuses are those of the answers, one after the other.
func (m *memory) statuses() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, match := range statusLine.FindAllSubmatch(m.out.Bytes(), -1) {
		all = append(all, string(match[1]))
	}
	return strings.Join(all, " ")
}

// count is a handler whose answers have nothing of the request in them.
func count(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/unread" {
		return
	}
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// theirBuffer is the size of net/http's, half of ours: a first line that breaks
// off where the buffer ends is not answered.
const theirBuffer = 4 << 10

// serveHere gives the statuses that this package answers with.
func serveHere(sent string) string {
	m, _ := newMemory(sent)
	c := newConn(&Server{handler: http.HandlerFunc(count)}, m)
	c.reader = bufio.NewReaderSize(&c.input, theirBuffer)
	c.serve()
	return m.statuses()
}

// serveThere gives those of net/http.
func serveThere(sent string) string {
	m, closed := newMemory(sent)
	there().connections <- m
	<-closed
	return m.statuses()
}

// handing is a listener that gets its connections from a test.
type handing struct{ connections chan net.Conn }

func (h handing) Accept() (net.Conn, error) { return <-h.connections, nil }
func (h handing) Close() error              { return nil }
func (h handing) Addr() net.Addr            { return address{} }

var there = sync.OnceValue(func() handing {
	h := handing{make(chan net.Conn)}
	server := http.Server{Handler: http.HandlerFunc(count), ErrorLog: log.New(io.Discard, "", 0)}
	go func() { _ = server.Serve(h) }()
	return h
})

// differs tells whether two servers' answers are of other classes: success,
// refusal, failure, or none.
func differs(ours, theirs string) bool {
	class := regexp.MustCompile(`(\d)\d\d`)
	return class.ReplaceAllString(ours, "$1") != class.ReplaceAllString(theirs, "$1")
}

// differences that are meant: what requests have in common, and the reason.
var differences = map[*regexp.Regexp]string{
	regexp.MustCompile(`PRI \* HTTP/2\.0`): "net/http hands the beginning of HTTP/2 to a handler that might speak it; no handler of ours does",
	// A list has commas. (RFC 9110, 5.6.1)
	regexp.MustCompile(`(?is)HTTP/1\.0.*\nConnection:[^\n]*([^\s,:][ \t]+keep-alive|keep-alive[ \t]+[^\s,])`): "net/http takes words without commas for a list, and keeps a connection of HTTP/1.0 that its parser wants closed",
}

func meant(sent string) bool {
	for pattern := range differences {
		if pattern.MatchString(sent) {
			return true
		}
	}
	return false
}

// FuzzAgainstNetHTTP sends the same bytes to both servers. Whatever they are, all
// answers are of the same classes.
func FuzzAgainstNetHTTP(f *testing.F) {
	for _, c := range requests {
		f.Add([]byte(c.send))
	}
	for _, seed := range []string{
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\naHEAD / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
		strings.Repeat("x", theirBuffer), strings.Repeat("x", theirBuffer+1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, bytes []byte) {
		sent := string(bytes)
		if len(sent) > 32<<10 || meant(sent) {
			t.Skip()
		}
		if ours, theirs := serveHere(sent), serveThere(sent); differs(ours, theirs) {
			t.Fatalf("%q: ours answers %q, net/http %q", sent, ours, theirs)
		}
	})
}

// FuzzServer sends bytes over a socket. Whatever they are, the server answers the
// next client.
func FuzzServer(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nabc", "HEAD / HTTP/1.0\r\n\r\n", "\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	s := Start(listener, http.HandlerFunc(echo), Limits{HeaderBytes: 4 << 10, Header: time.Second, Idle: time.Second})
	f.Cleanup(s.Close)
	f.Fuzz(func(t *testing.T, sent []byte) {
		conn := dial(t, s)
		_, _ = conn.Write(sent)
		_ = conn.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		if len(answer) > 0 && !bytes.HasPrefix(answer, []byte("HTTP/1.1 ")) {
			t.Fatalf("answered %q", answer)
		}
		if got := exchange(t, s, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"); !strings.HasSuffix(got, "\r\n\r\nok") {
			t.Fatalf("the next client got %q", got)
		}
	})
}
