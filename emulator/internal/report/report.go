// Package report writes the platform's log lines: START, END and REPORT, in
// Lambda's order and with its fields. [aws]
package report

import (
	"math"
	"strconv"
	"time"

	"lambda-factory/emulator/internal/lambda"
)

// Start is the line before an invocation's output.
func Start(id, version string) string {
	return "START RequestId: " + id + " Version: " + version
}

// Usage is what a finished invocation took.
type Usage struct {
	Duration   time.Duration
	Init       time.Duration // 0 unless it was a cold start
	MemorySize int           // MB
	MaxMemory  int           // MB
	Status     string        // "timeout" or "error"; empty for all else
	ErrorType  string
}

// End is the pair of lines after an invocation's output.
func End(id string, u Usage) string {
	b := make([]byte, 0, 320)
	b = append(b, "END RequestId: "...)
	b = append(b, id...)
	b = append(b, "\nREPORT RequestId: "...)
	b = append(b, id...)
	b = append(b, "\tDuration: "...)
	b = appendMillis(b, u.Duration)
	b = append(b, " ms\tBilled Duration: "...)
	b = strconv.AppendInt(b, Billed(u), 10)
	b = append(b, " ms\tMemory Size: "...)
	b = strconv.AppendInt(b, int64(u.MemorySize), 10)
	b = append(b, " MB\tMax Memory Used: "...)
	b = strconv.AppendInt(b, int64(u.MaxMemory), 10)
	b = append(b, " MB\t"...)
	if u.Init > 0 {
		b = append(b, "Init Duration: "...)
		b = appendMillis(b, u.Init)
		b = append(b, " ms\t"...)
	}
	return string(appendStatus(b, u.Status, u.ErrorType))
}

func appendStatus(b []byte, status, errorType string) []byte {
	if status != "" {
		b = append(append(b, "Status: "...), status...)
	}
	if errorType != "" {
		b = append(append(b, "\tError Type: "...), errorType...)
	}
	return b
}

// Billed returns the milliseconds that Lambda would charge for: since August
// 2025 the time to initialise is among them. [d]
func Billed(u Usage) int64 {
	return int64(math.Ceil(float64(u.Duration+u.Init) / float64(time.Millisecond)))
}

// Timeout is the line, and the empty one after it, that says why an invocation
// ended.
func Timeout(now time.Time, id string, limit time.Duration) string {
	return lambda.TimeoutLine(now, id, limit) + "\n"
}

// InitEnd is the line for an initialisation that did not succeed.
func InitEnd(took time.Duration, status, errorType string) string {
	b := append([]byte(nil), "INIT_REPORT Init Duration: "...)
	b = appendMillis(b, took)
	b = append(b, " ms\tPhase: init\t"...)
	return string(appendStatus(b, status, errorType))
}

func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 2, 64)
}
