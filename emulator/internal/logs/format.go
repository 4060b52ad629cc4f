package logs

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Level is the weight of a log line.
type Level int

// The levels of Lambda's logs. [d]
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
	Fatal
)

var levels = map[string]Level{
	"TRACE": Trace, "DEBUG": Debug, "INFO": Info, "WARN": Warn, "WARNING": Warn, "ERROR": Error, "FATAL": Fatal, "CRITICAL": Fatal,
}

// ParseLevel reads a level's name.
func ParseLevel(name string) (Level, bool) {
	level, ok := levels[strings.ToUpper(name)]
	return level, ok
}

// Format says how a log is written.
type Format struct {
	// KeepCR leaves \r alone. Runtimes write it for a line break within a log
	// event; else it becomes \n, as in docker-lambda.
	KeepCR bool
	// JSON makes the platform's lines JSON, and drops what is below the levels.
	JSON        bool
	System      Level // of the platform's events
	Application Level // of the function's lines
}

// filter drops the lines of a function that say, in JSON, that their level is
// too low. A line without a level is kept. [d]
func (f Format) filter(p []byte) []byte {
	if f.Application == Trace || !bytes.Contains(p, []byte(`"level"`)) {
		return p
	}
	var kept []byte
	for line := range bytes.Lines(p) {
		var fields struct{ Level string }
		if json.Unmarshal(line, &fields) == nil {
			if level, ok := ParseLevel(fields.Level); ok && level < f.Application {
				continue
			}
		}
		kept = append(kept, line...)
	}
	return kept
}
