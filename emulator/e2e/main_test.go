// Package e2e tests the emulator from outside, as a process with a runtime
// process below it. Each test is the proof of a row in docs/emulator.md.
package e2e

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"lambda-factory/emulator/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// event makes the test runtime do something.
func event(t testing.TB, r testbed.Request) string {
	t.Helper()
	content, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// parse reads the test runtime's answer.
func parse(t testing.TB, body string) testbed.Report {
	t.Helper()
	var r testbed.Report
	if err := json.Unmarshal([]byte(body), &r); err != nil {
		t.Fatalf("%v in the answer %q", err, body)
	}
	return r
}

// failure reads an error document.
func failure(t testing.TB, body string) (kind, message string) {
	t.Helper()
	var f struct{ ErrorType, ErrorMessage string }
	if err := json.Unmarshal([]byte(body), &f); err != nil {
		t.Fatalf("%v in the error document %q", err, body)
	}
	return f.ErrorType, f.ErrorMessage
}

func decode(t testing.TB, text string) string {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func expect[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func expectContains(t testing.TB, what, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%s: %q is not in %q", what, part, text)
	}
}
