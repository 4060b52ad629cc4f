package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"sync"
	"testing"
)

// Go1Bootstrap builds bootstraps/go1, with the race detector if the test has it.
func Go1Bootstrap(t testing.TB) string {
	t.Helper()
	path, err := buildGo1()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built string // the directory of what tests have built

// buildGo1 runs in the directory of a package of tests, two below the sources'.
var buildGo1 = sync.OnceValues(func() (path string, err error) {
	if built, err = os.MkdirTemp("", "testbed"); err != nil {
		return "", err
	}
	path = filepath.Join(built, "bootstrap")
	cmd := exec.Command("go", "build", "-C", "../../bootstraps/go1", "-buildvcs=false", "-race="+raceDetector(), "-o", path, ".")
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%v: %s", err, output)
	}
	return path, nil
})

func raceDetector() string {
	info, _ := debug.ReadBuildInfo()
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value
		}
	}
	return "false"
}

func removeBuilt() {
	if built != "" {
		_ = os.RemoveAll(built)
	}
}
