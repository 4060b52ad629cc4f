package invokeapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"lambda-factory/emulator/internal/eventstream"
	"lambda-factory/emulator/internal/lambda"
)

// maxChunk is the most payload in one message of a stream.
const maxChunk = 64 << 10

// invokeStream serves InvokeWithResponseStream: the answer is passed on while
// the function writes it.
func (h *Handler) invokeStream(w http.ResponseWriter, r *http.Request, name string) *problem {
	kind := r.Header.Get("X-Amz-Invocation-Type")
	if kind != "" && kind != "RequestResponse" && kind != "DryRun" {
		return invalidValue(kind, "invocationType", "Member must satisfy enum value set: [RequestResponse, DryRun]")
	}
	inv, p := h.invocation(w, r, name, lambda.MaxRequest)
	if p != nil {
		return p
	}
	if kind == "DryRun" {
		h.head(w, inv)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	s := newStream()
	inv.Stream = s
	var invoking sync.WaitGroup
	defer invoking.Wait()
	invoking.Go(func() {
		err := h.function.Invoke(r.Context(), inv, func(result lambda.Result) {
			s.result = result
			close(s.over)
		})
		if err != nil {
			s.err = err
			close(s.over)
		}
	})
	return h.copyStream(w, inv, s)
}

// copyStream writes the pieces as they come, then how it ended. All writing to
// the caller is done here, in the request's own goroutine: a caller who reads
// slowly holds up nothing but the function that writes to him.
func (h *Handler) copyStream(w http.ResponseWriter, inv *lambda.Invocation, s *stream) *problem {
	begun := false
	begin := func() {
		if begun {
			return
		}
		begun = true
		h.head(w, inv)
		w.Header()["X-Amz-Executed-Version"] = []string{h.identity.Version}
		w.Header()["Content-Type"] = []string{eventstream.ContentType}
	}
	control, buffer := http.NewResponseController(w), []byte(nil)
	for {
		select {
		case piece := <-s.pieces:
			begin()
			buffer = appendChunks(buffer[:0], piece)
			s.taken <- struct{}{}
			if _, err := w.Write(buffer); err != nil || control.Flush() != nil {
				s.leave()
			}
		case <-s.over:
			if s.err != nil {
				return refusal(s.err)
			}
			begin()
			_, _ = w.Write(ending(buffer[:0], inv, s.result))
			return nil
		}
	}
}

func appendChunks(buffer, piece []byte) []byte {
	for len(piece) > 0 {
		n := min(len(piece), maxChunk)
		buffer = eventstream.AppendEvent(buffer, "PayloadChunk", "application/octet-stream", piece[:n])
		piece = piece[n:]
	}
	return buffer
}

// ending is the last message of a stream.
func ending(buffer []byte, inv *lambda.Invocation, result lambda.Result) []byte {
	var complete struct {
		ErrorCode    string `json:",omitempty"`
		ErrorDetails string `json:",omitempty"`
		LogResult    string `json:",omitempty"`
	}
	if result.Failed {
		complete.ErrorCode, complete.ErrorDetails = result.ErrorType, string(result.Payload)
		if complete.ErrorCode == "" {
			complete.ErrorCode = "Unhandled"
		}
	}
	if inv.WantLogTail {
		complete.LogResult = base64.StdEncoding.EncodeToString(result.LogTail)
	}
	payload, err := json.Marshal(complete)
	if err != nil {
		panic(err) // strings always marshal
	}
	return eventstream.AppendEvent(buffer, "InvokeComplete", "application/json", payload)
}

// stream hands pieces of a response from the runtime's request to the caller's.
type stream struct {
	pieces chan []byte
	taken  chan struct{} // the piece has been copied
	gone   chan struct{} // closed when the caller takes no more
	leave  func()        // closes gone

	over   chan struct{} // closed when the next two are set
	result lambda.Result
	err    error
}

var errNoReader = errors.New("nobody reads the stream")

func newStream() *stream {
	s := &stream{
		pieces: make(chan []byte),
		taken:  make(chan struct{}, 1),
		gone:   make(chan struct{}),
		over:   make(chan struct{}),
	}
	s.leave = sync.OnceFunc(func() { close(s.gone) })
	return s
}

// Begin does nothing: the type of the content travels inside of it.
func (s *stream) Begin(string) error { return nil }

func (s *stream) Write(chunk []byte) error {
	select {
	case s.pieces <- chunk:
		<-s.taken
		return nil
	case <-s.gone:
	case <-s.over:
	}
	return errNoReader
}
