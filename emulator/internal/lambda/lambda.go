// Package lambda holds the words that the other packages share: an invocation,
// what became of it, and the documents and limits that Lambda prescribes.
package lambda

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

// Payload limits in bytes. [aws]
const (
	MaxRequest      = 6 << 20     // a synchronous request
	MaxAsyncRequest = 1 << 20     // an Event request, since October 2025
	MaxResponse     = 6<<20 + 100 // what a runtime may answer: 6291556
	MaxStream       = 200 << 20   // a streamed response
	LogTailSize     = 4 << 10     // bytes of log in X-Amz-Log-Result
)

// Invocation is one event on its way to a function.
type Invocation struct {
	ID              string
	Payload         []byte
	ContentType     string
	FunctionARN     string
	TraceID         string
	ClientContext   string // decoded JSON
	CognitoIdentity string // JSON
	TenantID        string
	WantLogTail     bool
	Patient         bool // waits for a sandbox where others are throttled

	// Stream takes the response as the function writes it. Nil asks for a
	// buffered response in Result.Payload.
	Stream Stream
}

// Stream receives a response piece by piece. Both methods are called from one
// goroutine at a time; they return an error once the caller has gone away or the
// invocation is over. Write does not keep the chunk.
type Stream interface {
	Begin(contentType string) error
	Write(chunk []byte) error
}

// Result is what became of an invocation.
type Result struct {
	// Payload is the function's answer, or an error document if Failed. It is
	// empty for a response that went to Invocation.Stream.
	Payload     []byte
	ContentType string

	// Failed tells a function error: the answer is an error document.
	Failed    bool
	ErrorType string

	// LogTail holds the end of the log if Invocation.WantLogTail was set.
	LogTail []byte

	// Hints is set by a runtime that is not a child of the emulator.
	Hints *Hints
}

// Hints are what such a runtime says of an invocation. (docker-lambda)
type Hints struct {
	InvokeWait time.Time // it was ready for its first event
	InitEnd    time.Time // it began with this one
	Log        []byte
}

// NewID returns a random (version 4) UUID, the form of a request id.
func NewID() string {
	var raw [16]byte
	rand.Read(raw[:]) // never fails: crypto/rand aborts the program instead
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var text [36]byte
	hex.Encode(text[0:8], raw[0:4])
	hex.Encode(text[9:13], raw[4:6])
	hex.Encode(text[14:18], raw[6:8])
	hex.Encode(text[19:23], raw[8:10])
	hex.Encode(text[24:36], raw[10:16])
	text[8], text[13], text[18], text[23] = '-', '-', '-', '-'
	return string(text[:])
}

// NewTraceID returns an unsampled X-Ray trace header for an invocation that
// came without one.
func NewTraceID(now time.Time) string {
	var raw [24]byte
	rand.Read(raw[4:])
	seconds := uint32(now.Unix())
	raw[0], raw[1], raw[2], raw[3] = byte(seconds>>24), byte(seconds>>16), byte(seconds>>8), byte(seconds)
	text := make([]byte, 0, 74)
	text = append(text, "Root=1-"...)
	text = hex.AppendEncode(text, raw[0:4])
	text = append(text, '-')
	text = hex.AppendEncode(text, raw[4:16])
	text = append(text, ";Parent="...)
	text = hex.AppendEncode(text, raw[16:24])
	text = append(text, ";Sampled=0"...)
	return string(text)
}
