// Command init is the entrypoint of the run images: it emulates the part of AWS
// Lambda that surrounds a function.
package main

import (
	"os"

	"lambda-factory/emulator/internal/app"
)

func main() {
	os.Exit(app.Run(app.Process{
		Args:   os.Args,
		Env:    os.Environ(),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}))
}
