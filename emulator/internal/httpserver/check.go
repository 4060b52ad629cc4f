package httpserver

import (
	"bufio"
	"bytes"
	"net/http"
	"net/textproto"
	"strings"
)

// refused is the status of a request that the parser takes and the server does
// not.
type refused int

func (r refused) Error() string { return http.StatusText(int(r)) }

// check asks of a request what net/http's server asks beyond its parser. The
// parser itself sees to methods, versions, values and lengths.
func check(r *http.Request, head []byte) error {
	if r.ProtoMajor != 1 {
		return refused(http.StatusHTTPVersionNotSupported)
	}
	if host, found := findHost(r, head); !isHost(host) || !found && r.ProtoMinor > 0 && r.Method != http.MethodConnect {
		return refused(http.StatusBadRequest)
	}
	for name := range r.Header {
		if !isToken(name) { // the parser lets spaces pass
			return refused(http.StatusBadRequest)
		}
	}
	if r.Header.Get("Expect") != "" && !expectsContinue(r) {
		return refused(http.StatusExpectationFailed)
	}
	return nil
}

// findHost returns the Host header, of which the parser takes no more than one.
// It keeps what the URL says in its place, and does not tell none from an empty
// one: then the head is read again.
func findHost(r *http.Request, head []byte) (host string, found bool) {
	if r.URL.Host == "" && r.Host != "" {
		return r.Host, true
	}
	reader := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
	_, _ = reader.ReadLine() // neither this nor the rest fails a second time
	header, _ := reader.ReadMIMEHeader()
	values, found := header["Host"]
	return strings.Join(values, ","), found
}

// isHost tells whether a text has only what may be in a host and a port.
func isHost(text string) bool { return consists(text, "!$%&'()*+,-.:;=[]_~") }

// isToken tells whether a text may name a field. (RFC 9110, 5.6.2)
func isToken(text string) bool { return text != "" && consists(text, "!#$%&'*+-.^_`|~") }

// consists tells whether a text is of letters, digits, and what else is allowed.
func consists(text, more string) bool {
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && !('0' <= c && c <= '9') && strings.IndexByte(more, c) < 0 {
			return false
		}
	}
	return true
}

// expectsContinue tells whether the client waits to be told to send its body.
func expectsContinue(r *http.Request) bool {
	isEnd := func(c rune) bool { return c == ' ' || c == ',' || c == '\t' }
	for _, word := range strings.FieldsFunc(r.Header.Get("Expect"), isEnd) {
		if strings.EqualFold(word, "100-continue") {
			return true
		}
	}
	return false
}

// isUnknownEncoding tells whether the parser refused a Transfer-Encoding. Its
// errors for that have no type of their own.
func isUnknownEncoding(err error) bool {
	text := err.Error()
	return strings.HasPrefix(text, "unsupported transfer encoding") || strings.HasPrefix(text, "too many transfer encodings")
}
