// Package testbed runs the emulator for tests as its users do: as a process of
// its own with a runtime process below it, talked to over HTTP. A test binary
// plays all parts; the name it is called by says which.
package testbed

import (
	"os"
	"path/filepath"
	"testing"

	"lambda-factory/emulator/internal/app"
)

// Main runs the tests of a package, or the part that this process is to play.
func Main(m *testing.M) {
	directory, name := filepath.Split(os.Args[0])
	if filepath.Base(directory) == extensionsDir {
		extensionMain(name)
		return
	}
	switch name {
	case "init", "aws-lambda-rie":
		os.Exit(app.Run(app.Process{
			Args: os.Args, Env: os.Environ(), Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		}))
	case GoFunction:
		gofunctionMain()
	case "bootstrap":
		runtimeMain()
	default:
		code := m.Run()
		removeBuilt()
		os.Exit(code)
	}
}

const extensionsDir = "extensions"

// Extensions returns a directory of extensions, which do what their names say.
func Extensions(t testing.TB, names ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := filepath.Join(t.TempDir(), extensionsDir)
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.Symlink(self, filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// Program returns the path of a program that plays the given part.
func Program(t testing.TB, part string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), part)
	if err := os.Symlink(self, path); err != nil {
		t.Fatal(err)
	}
	return path
}
