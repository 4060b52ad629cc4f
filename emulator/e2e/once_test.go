package e2e

import (
	"fmt"
	"strings"
	"testing"

	"lambda-factory/emulator/internal/testbed"
)

func lastLine(stdout string) string {
	lines := strings.Split(strings.TrimSuffix(stdout, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestOnceTakesTheEventFrom(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]testbed.Options{
		"argument":    {Args: []string{"h", `{"from":"it"}`}, Env: []string{"AWS_LAMBDA_EVENT_BODY={}"}},
		"environment": {Args: []string{"h"}, Env: []string{`AWS_LAMBDA_EVENT_BODY={"from":"it"}`}},
		"stdin": {Args: []string{"h"}, Env: []string{"DOCKER_LAMBDA_USE_STDIN=1"},
			Stdin: strings.NewReader(`{"from":"it"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, _, code := testbed.Run(t, o)
			expect(t, "exit code", code, 0)
			expect(t, "event", string(parse(t, lastLine(stdout)).Event), `{"from":"it"}`)
		})
	}
	t.Run("nowhere", func(t *testing.T) {
		t.Parallel()
		stdout, _, _ := testbed.Run(t, testbed.Options{})
		expect(t, "event", string(parse(t, lastLine(stdout)).Event), `{}`)
	})
}

func TestOnceTakesLargeEventsFromStdin(t *testing.T) {
	t.Parallel()
	large := fmt.Sprintf(`{"large":"%s"}`, strings.Repeat("x", 20<<20))
	stdout, _, code := testbed.Run(t, testbed.Options{
		Env: []string{"DOCKER_LAMBDA_USE_STDIN=1"}, Stdin: strings.NewReader(large),
	})
	expect(t, "exit code", code, 1) // the answer repeats the event and is too large
	kind, _ := failure(t, lastLine(stdout))
	expect(t, "error type", kind, "Function.ResponseSizeTooLarge")
}

func TestOnceKeepsTheResultApartFromTheLog(t *testing.T) {
	t.Parallel()
	stdout, stderr, code := testbed.Run(t, testbed.Options{
		Args: []string{"h", event(t, testbed.Request{Print: "to stdout", Complain: "to stderr\n"})},
	})
	expect(t, "exit code", code, 0)
	expect(t, "lines on stdout", strings.Count(stdout, "\n"), 1)
	parse(t, stdout)
	for _, part := range []string{"START RequestId: ", "to stdout", "to stderr\n", "END RequestId: ", "REPORT RequestId: "} {
		expectContains(t, "stderr", stderr, part)
	}
	expect(t, "colour off a terminal", strings.Contains(stderr, "\033"), false)
}

func TestOncePrintsTheResultOnOneLine(t *testing.T) {
	t.Parallel()
	raw := "{\n  \"a\": 1\n}\n"
	stdout, _, _ := testbed.Run(t, testbed.Options{Args: []string{"h", event(t, testbed.Request{Raw: &raw})}})
	expect(t, "stdout", stdout, "{\"a\":1}\n")
}

func TestOnceEndsWith1OnAFunctionError(t *testing.T) {
	t.Parallel()
	document := `{"errorType":"ValueError","errorMessage":"no","stackTrace":[],"extra":1}`
	stdout, _, code := testbed.Run(t, testbed.Options{Args: []string{"h", event(t, testbed.Request{Error: document})}})
	expect(t, "exit code", code, 1)
	expect(t, "stdout", stdout, document+"\n")
}

func TestOnceSetsTheHandler(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want string
		o    testbed.Options
	}{
		{"argument", testbed.Options{Args: []string{"argument"}, Env: []string{"_HANDLER=x", "AWS_LAMBDA_FUNCTION_HANDLER=y"}}},
		{"first", testbed.Options{Env: []string{"_HANDLER=x", "AWS_LAMBDA_FUNCTION_HANDLER=first"}}},
		{"second", testbed.Options{Env: []string{"_HANDLER=second"}}},
		{"handler", testbed.Options{}},
	} {
		t.Run(c.want, func(t *testing.T) {
			t.Parallel()
			stdout, _, _ := testbed.Run(t, c.o)
			expect(t, "_HANDLER", parse(t, lastLine(stdout)).Env["_HANDLER"], c.want)
		})
	}
}

func TestOncePassesBootstrapArguments(t *testing.T) {
	t.Parallel()
	stdout, _, _ := testbed.Run(t, testbed.Options{Bare: true, Args: []string{
		"--bootstrap", testbed.Program(t, "bootstrap"), "--enable-msg-logs", "--bootstrap-args", `["one","two words"]`, "h"}})
	expect(t, "arguments", fmt.Sprintf("%q", parse(t, lastLine(stdout)).Args), `["one" "two words"]`)
}
