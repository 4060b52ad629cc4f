// Package judges has AWS's own clients judge the emulator. They are installed by
// the script run beside this file; without them the tests skip.
package judges

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"lambda-factory/emulator/internal/testbed"
)

func TestMain(m *testing.M) { testbed.Main(m) }

// installed returns a path below the directory of the clients.
func installed(t *testing.T, path ...string) string {
	t.Helper()
	directory := os.Getenv("EMULATOR_JUDGES")
	if directory == "" {
		t.Skip("EMULATOR_JUDGES is not set: judges/run sets it")
	}
	full := filepath.Join(append([]string{directory}, path...)...)
	if _, err := os.Stat(full); err != nil {
		t.Skip("not installed:", err)
	}
	return full
}

func source(t *testing.T, path ...string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.Join(append([]string{"testdata"}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// script writes a bootstrap.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// runtimes give the arguments of an emulator that runs a function on one of
// AWS's runtime clients.
var runtimes = map[string]func(*testing.T) []string{
	"awslambdaric": func(t *testing.T) []string {
		library := filepath.Dir(installed(t, "python", "awslambdaric"))
		return []string{"--bootstrap", script(t, fmt.Sprintf(
			"PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=%q:%q exec python3 -m awslambdaric $_HANDLER", library, source(t, "python"))), "app.handler"}
	},
	"aws-lambda-ric": func(t *testing.T) []string {
		client := installed(t, "node-ric", "node_modules", "aws-lambda-ric", "bin", "index.mjs")
		return []string{"--bootstrap", script(t, fmt.Sprintf(
			"cd %q && exec node %q $_HANDLER", source(t, "node"), client)), "app.handler"}
	},
	"aws-lambda-go": func(t *testing.T) []string {
		return []string{"--bootstrap", installed(t, "aws-lambda-go"), "handler"}
	},
}

// callers are the SDKs.
var callers = map[string]func(t *testing.T, endpoint string) *exec.Cmd{
	"boto3": func(t *testing.T, endpoint string) *exec.Cmd {
		library := filepath.Dir(installed(t, "python", "boto3"))
		cmd := exec.Command("python3", source(t, "sdk", "judge.py"), endpoint)
		cmd.Env = append(os.Environ(), "PYTHONPATH="+library)
		return cmd
	},
	"client-lambda": func(t *testing.T, endpoint string) *exec.Cmd {
		modules := filepath.Dir(installed(t, "node", "node_modules"))
		return exec.Command("node", source(t, "sdk", "judge.mjs"), endpoint, modules)
	},
}

func TestClientsAreContent(t *testing.T) {
	for runtime, arguments := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			args := arguments(t)
			for caller, call := range callers {
				t.Run(caller, func(t *testing.T) {
					e := testbed.Serve(t, testbed.Options{Bare: true, Args: args})
					if output, err := call(t, e.URL).CombinedOutput(); err != nil {
						t.Errorf("%v\n%s", err, output)
					}
				})
			}
		})
	}
}

func TestSingleInvocation(t *testing.T) {
	for runtime, arguments := range runtimes {
		t.Run(runtime, func(t *testing.T) {
			args := arguments(t)
			stdout, stderr, code := testbed.Run(t, testbed.Options{Bare: true, Args: append(args, `{}`)})
			var answer struct{ Name string }
			if err := json.Unmarshal([]byte(stdout), &answer); err != nil || answer.Name != "test" || code != 0 {
				t.Errorf("exit code %d, stdout %q, %v", code, stdout, err)
			}
			if !strings.Contains(stderr, "in the handler") {
				t.Errorf("stderr %q", stderr)
			}
			stdout, _, code = testbed.Run(t, testbed.Options{Bare: true, Args: append(args, `{"fail":true}`)})
			var failure struct{ ErrorMessage string }
			if err := json.Unmarshal([]byte(stdout), &failure); err != nil || failure.ErrorMessage != "on request" || code != 1 {
				t.Errorf("exit code %d, stdout %q, %v", code, stdout, err)
			}
		})
	}
}
