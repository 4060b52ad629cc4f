// Package wire is HTTP/1.1 over one kept connection with as little of a client
// as possible, so that what is measured is the server.
package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strconv"
)

// Conn is a connection that one goroutine uses.
type Conn struct {
	conn   net.Conn
	reader *bufio.Reader
}

// Dial connects to an address.
func Dial(address string) (*Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{conn: conn, reader: bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Close ends the connection.
func (c *Conn) Close() error { return c.conn.Close() }

// Request returns the bytes of a request.
func Request(method, path string, body []byte) []byte {
	head := method + " " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n"
	if body != nil {
		head += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return append([]byte(head+"\r\n"), body...)
}

// Do sends a request and reads the answer, whose body is left in the buffer.
func (c *Conn) Do(request []byte, body *bytes.Buffer) (http.Header, error) {
	if _, err := c.conn.Write(request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	body.Reset()
	if response.ContentLength > 0 { // bytes.MinRead more, or the buffer grows to see the end
		body.Grow(int(response.ContentLength) + bytes.MinRead)
	}
	if _, err := body.ReadFrom(response.Body); err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 || response.Close {
		return nil, fmt.Errorf("unexpected answer %s, close=%t: %.200s", response.Status, response.Close, body)
	}
	return response.Header, response.Body.Close()
}
