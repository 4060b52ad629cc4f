package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"
	"unsafe"

	"lambda-factory/emulator/internal/testbed"
)

// terminal opens both ends of a new pseudoterminal: that of who looks, and that
// of the program.
func terminal(t *testing.T) (screen, program *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no pseudoterminals here:", err)
	}
	t.Cleanup(func() { screen.Close() })
	var locked, number int32
	for request, argument := range map[uintptr]*int32{syscall.TIOCSPTLCK: &locked, syscall.TIOCGPTN: &number} {
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, screen.Fd(), request, uintptr(unsafe.Pointer(argument))); errno != 0 {
			t.Fatal(errno)
		}
	}
	program, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return screen, program
}

func TestColourOnATerminal(t *testing.T) {
	t.Parallel()
	screen, program := terminal(t)
	e := testbed.Start(t, testbed.Options{
		Args: []string{"h", event(t, testbed.Request{Print: "plain\n"})}, Log: program,
	})
	program.Close()
	seen := make(chan string)
	go func() {
		var all bytes.Buffer
		_, _ = io.Copy(&all, screen) // it ends with an error when nobody holds the other end
		seen <- all.String()
	}()
	expect(t, "exit code", e.Wait(), 0)
	log := <-seen
	expectContains(t, "log", log, "\033[32mSTART RequestId: ")
	expectContains(t, "log", log, "\033[0m\r\nplain\r\n\033[32mEND RequestId: ")
	parse(t, e.Stdout.String()) // without colour: JSON
}
