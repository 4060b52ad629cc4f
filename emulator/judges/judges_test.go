// Package judges has AWS's own clients judge the emulator. They are installed by
// the script run beside this file; without them the tests skip.
package judges

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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

// runtime is a function on one of AWS's runtime clients.
type runtime struct {
	bootstrap func(*testing.T) string
	handler   string
	streaming string // the handler that streams; empty if the client cannot
	wide      bool   // the client takes several invocations at once
}

var runtimes = map[string]runtime{
	"awslambdaric": {
		bootstrap: func(t *testing.T) string {
			library := filepath.Dir(installed(t, "python", "awslambdaric"))
			return script(t, fmt.Sprintf("PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=%q:%q exec python3 -m awslambdaric $_HANDLER",
				library, source(t, "python")))
		},
		handler: "app.handler", wide: true,
	},
	"aws-lambda-ric": {
		bootstrap: func(t *testing.T) string {
			client := installed(t, "node-ric", "node_modules", "aws-lambda-ric", "bin", "index.mjs")
			return script(t, fmt.Sprintf("cd %q && exec node %q $_HANDLER", source(t, "node"), client))
		},
		handler: "app.handler", streaming: "app.streaming",
	},
	"aws-lambda-go": {
		bootstrap: func(t *testing.T) string { return installed(t, "aws-lambda-go") },
		handler:   "handler", streaming: "handler", wide: true,
	},
	"aws-lambda-go by RPC": {
		bootstrap: func(t *testing.T) string {
			directory, name := filepath.Split(installed(t, "aws-lambda-go"))
			return script(t, fmt.Sprintf("LAMBDA_TASK_ROOT=%q _HANDLER=%q exec %q", directory, name, testbed.Go1Bootstrap(t)))
		},
		handler: "handler",
	},
	"lambda_runtime": {
		bootstrap: func(t *testing.T) string { return installed(t, "lambda_runtime") },
		handler:   "handler", streaming: "handler", wide: true,
	},
	"aws-lambda-java-runtime-interface-client": {
		bootstrap: func(t *testing.T) string {
			return script(t, fmt.Sprintf("exec java -XX:TieredStopAtLevel=1 -Xshare:auto -cp %q"+
				" com.amazonaws.services.lambda.runtime.api.client.AWSLambda $_HANDLER",
				installed(t, "java", "classes")+":"+filepath.Join(installed(t, "java", "lib"), "*")))
		},
		handler: "App::handleRequest", wide: true,
	},
}

func (r runtime) args(t *testing.T) []string {
	return []string{"--bootstrap", r.bootstrap(t), r.handler}
}

func (r runtime) serve(t *testing.T, env ...string) *testbed.Emulator {
	return testbed.Serve(t, testbed.Options{Bare: true, Args: r.args(t), Env: env})
}

// each runs a test with every runtime.
func each(t *testing.T, test func(*testing.T, runtime)) {
	for name, r := range runtimes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, r)
		})
	}
}

// callers are the SDKs.
var callers = map[string]func(t *testing.T, endpoint string) *exec.Cmd{
	"boto3":  func(t *testing.T, endpoint string) *exec.Cmd { return python(t, "boto3", "judge.py", endpoint) },
	"awscli": func(t *testing.T, endpoint string) *exec.Cmd { return python(t, "awscli", "cli.py", endpoint) },
	"client-lambda": func(t *testing.T, endpoint string) *exec.Cmd {
		modules := filepath.Dir(installed(t, "node", "node_modules"))
		return exec.Command("node", source(t, "sdk", "judge.mjs"), endpoint, modules)
	},
}

// python runs a script that uses an installed module.
func python(t *testing.T, module, name, endpoint string) *exec.Cmd {
	library := filepath.Dir(installed(t, "python", module))
	cmd := exec.Command("python3", source(t, "sdk", name), endpoint)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+library)
	return cmd
}

func TestClientsAreContent(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		for caller, call := range callers {
			t.Run(caller, func(t *testing.T) {
				if output, err := call(t, r.serve(t).URL).CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, output)
				}
			})
		}
	})
}

// document is an error document, as all clients write it.
type document struct{ ErrorType, ErrorMessage string }

func parse[T any](t *testing.T, text string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Errorf("%q: %v", text, err)
	}
	return value
}

func TestSingleInvocation(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		args := r.args(t)
		stdout, stderr, code := testbed.Run(t, testbed.Options{Bare: true, Args: append(args, `{}`)})
		if answer := parse[struct{ Name string }](t, stdout); answer.Name != "test" || code != 0 {
			t.Errorf("exit code %d, stdout %q", code, stdout)
		}
		if !strings.Contains(stderr, "in the handler") {
			t.Errorf("stderr %q", stderr)
		}
		stdout, _, code = testbed.Run(t, testbed.Options{Bare: true, Args: append(args, `{"fail":true}`)})
		if failure := parse[document](t, stdout); failure.ErrorMessage != "on request" || code != 1 {
			t.Errorf("exit code %d, stdout %q", code, stdout)
		}
	})
}

// told is what the functions tell of their context.
type told struct {
	ID, ARN, Name string
	Left          int // milliseconds
	Custom        map[string]string
	Process       int
}

func TestContext(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		e := r.serve(t, "AWS_LAMBDA_FUNCTION_TIMEOUT=60")
		e.Invoke(`{}`) // the cold start
		client := base64.StdEncoding.EncodeToString([]byte(`{"client":{"installation_id":"i","app_title":"a","app_version_name":"n",` +
			`"app_version_code":"v","app_package_name":"p"},"custom":{"key":"value"},"env":{"locale":"de"}}`))
		answer := e.Do("POST", "/2015-03-31/functions/test/invocations?Qualifier=live", `{}`, "X-Amz-Client-Context", client)
		got := parse[told](t, answer.Body)
		if got.ID != answer.Header.Get("X-Amzn-Requestid") || got.Name != "test" ||
			got.ARN != "arn:aws:lambda:us-east-1:123456789012:function:test:live" || got.Custom["key"] != "value" {
			t.Errorf("got %+v", got)
		}
		if got.Left > 60_000 || got.Left < 50_000 {
			t.Errorf("%d ms are left of 60 s", got.Left)
		}
	})
}

func TestRuntimeThatExits(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		e := r.serve(t)
		before := parse[told](t, e.Invoke(`{}`).Body)
		answer := e.Invoke(`{"exit":7}`)
		failure := parse[document](t, answer.Body)
		if failure.ErrorType != "Runtime.ExitError" || !strings.HasSuffix(failure.ErrorMessage, "exit status 7") ||
			answer.Status != 200 || answer.Header.Get("X-Amz-Function-Error") != "Unhandled" {
			t.Errorf("%d %q", answer.Status, answer.Body)
		}
		if after := parse[told](t, e.Invoke(`{}`).Body); after.Process == 0 || after.Process == before.Process {
			t.Errorf("process %d, then %d", before.Process, after.Process)
		}
	})
}

func TestRuntimeThatFailsToStart(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		answer := r.serve(t, "JUDGE_FAILS_TO_START=1").Invoke(`{}`)
		failure := parse[document](t, answer.Body)
		if failure.ErrorType == "" || answer.Status != 200 || answer.Header.Get("X-Amz-Function-Error") != "Unhandled" {
			t.Errorf("%d %q", answer.Status, answer.Body)
		}
		// A client that reports instead of just exiting gives the function's own words.
		if failure.ErrorType != "Runtime.ExitError" && failure.ErrorMessage != "on request" {
			t.Errorf("%q", answer.Body)
		}
	})
}

func TestResponseStreaming(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		if r.streaming == "" {
			t.Skip("the client does not stream")
		}
		r.handler = r.streaming
		if output, err := python(t, "boto3", "streams.py", r.serve(t).URL).CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	})
}

// As Managed Instances do, one runtime is given several invocations at once.
func TestSeveralInvocationsInOneRuntime(t *testing.T) {
	each(t, func(t *testing.T, r runtime) {
		if !r.wide {
			t.Skip("the client takes one invocation at a time")
		}
		const width = 4
		e := r.serve(t, fmt.Sprint("AWS_LAMBDA_MAX_CONCURRENCY=", width))
		e.Invoke(`{}`) // the cold start
		var calls sync.WaitGroup
		answers, started := make([]testbed.Answer, width), time.Now()
		for i := range answers {
			calls.Go(func() { answers[i] = e.Invoke(`{"sleep":1500}`) })
		}
		calls.Wait()
		took := time.Since(started)
		var ids []string
		processes := map[int]bool{}
		for _, answer := range answers {
			got := parse[told](t, answer.Body)
			processes[got.Process] = true
			if ids = append(ids, got.ID); got.ID != answer.Header.Get("X-Amzn-Requestid") {
				t.Errorf("%q is of another request", answer.Body)
			}
		}
		slices.Sort(ids)
		if len(slices.Compact(ids)) != width || len(processes) != 1 || took > 2*1500*time.Millisecond {
			t.Errorf("%d different requests in %d processes took %v", len(slices.Compact(ids)), len(processes), took)
		}
	})
}
