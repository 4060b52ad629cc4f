// Package logs carries what a function prints, and the platform's own lines
// between it, to the emulator's log and to those who asked for the end of it.
package logs

import (
	"bytes"
	"io"
	"sync"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/telemetry"
)

// Output is the log of the whole emulator. It is shared by all sandboxes.
type Output struct {
	mu     sync.Mutex
	out    io.Writer
	colour bool
}

// NewOutput writes to out, the platform's lines in green if colour is set.
func NewOutput(out io.Writer, colour bool) *Output {
	return &Output{out: out, colour: colour}
}

// Line writes one line of the emulator itself.
func (o *Output) Line(text string) {
	o.write([]byte(o.paint(text) + "\n"))
}

func (o *Output) paint(text string) string {
	if !o.colour {
		return text
	}
	return "\033[32m" + text + "\033[0m"
}

func (o *Output) write(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	// A log that nobody can take any more must not stop the function.
	_, _ = o.out.Write(p)
}

// Journal is the log of one sandbox.
type Journal struct {
	output *Output
	format Format
	tap    io.Writer // gets the function's output too

	mu      sync.Mutex
	midLine bool // the last output did not end its line
	tails   []*Tail
}

// NewJournal returns a sandbox's log. The function's part of it goes to tap too.
func NewJournal(output *Output, format Format, tap io.Writer) *Journal {
	return &Journal{output: output, format: format, tap: tap}
}

// Write takes a piece of the function's output. It may change p.
func (j *Journal) Write(p []byte) (int, error) { return j.print(p, j.tap) }

// Extension returns the writer for an extension's output, which goes to tap too.
func (j *Journal) Extension(tap io.Writer) io.Writer { return extensionWriter{j, tap} }

type extensionWriter struct {
	journal *Journal
	tap     io.Writer
}

func (w extensionWriter) Write(p []byte) (int, error) { return w.journal.print(p, w.tap) }

func (j *Journal) print(p []byte, tap io.Writer) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if !j.format.KeepCR {
		newlines(p)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, _ = tap.Write(p) // telemetry takes everything
	written := p
	if j.format.JSON {
		if written = j.format.filter(p); len(written) == 0 {
			return len(p), nil
		}
	}
	j.midLine = written[len(written)-1] != '\n'
	j.output.write(written)
	j.record(written)
	return len(p), nil
}

// Event writes an event of the platform: its text, which is one or more lines
// without the last newline, or none; or in JSON the event itself.
func (j *Journal) Event(level Level, kind, text string, content func() any) {
	if j.format.JSON {
		if level < j.format.System {
			return
		}
		text = string(telemetry.NewEvent(kind, content()).Encode())
	}
	if text != "" {
		j.platform(text)
	}
}

// Note writes lines for people: the JSON format says the same in an event.
func (j *Journal) Note(text string) {
	if !j.format.JSON {
		j.platform(text)
	}
}

func (j *Journal) platform(text string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	separator := ""
	if j.midLine {
		separator, j.midLine = "\n", false
	}
	j.output.write([]byte(separator + j.output.paint(text) + "\n"))
	if len(j.tails) > 0 {
		j.record([]byte(separator + text + "\n"))
	}
}

func (j *Journal) record(p []byte) {
	for _, t := range j.tails {
		t.append(p)
	}
}

// Follow begins to collect the end of the log.
func (j *Journal) Follow() *Tail {
	t := &Tail{}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.tails = append(j.tails, t)
	return t
}

// Unfollow ends what Follow began and returns the end of the log.
func (j *Journal) Unfollow(t *Tail) []byte {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, other := range j.tails {
		if other == t {
			j.tails = append(j.tails[:i], j.tails[i+1:]...)
			break
		}
	}
	return t.last()
}

// Tail collects at least the last lambda.LogTailSize bytes of a log. The
// Journal that made it guards it.
type Tail struct{ buffer []byte }

func (t *Tail) append(p []byte) {
	const size = lambda.LogTailSize
	if len(p) > size {
		p = p[len(p)-size:]
	}
	if len(t.buffer)+len(p) > 4*size { // copy seldom, keep little
		t.buffer = append(t.buffer[:0], t.last()...)
	}
	t.buffer = append(t.buffer, p...)
}

func (t *Tail) last() []byte {
	return t.buffer[max(0, len(t.buffer)-lambda.LogTailSize):]
}

func newlines(p []byte) {
	for {
		i := bytes.IndexByte(p, '\r')
		if i < 0 {
			return
		}
		p[i] = '\n'
		p = p[i+1:]
	}
}
