package supervisor

import (
	"syscall"
	"unsafe"
)

// From waitid(2); package syscall has neither the call nor these constants.
const (
	waitAll     = 0 // P_ALL
	waitNoHang  = 0x1
	waitExited  = 0x4
	leaveZombie = 0x1000000 // WNOWAIT
)

// childInfo is the part of siginfo_t that waitid fills in, with the layout of
// all 64-bit Linux architectures.
type childInfo struct {
	_   [4]int32 // signo, errno, code, padding
	pid int32
	_   [108]byte
}

// peekExited returns the id of a child that has exited but was not waited for,
// leaving it in that state; 0 or less if there is none.
func peekExited() int {
	var info childInfo
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, waitAll, 0, uintptr(unsafe.Pointer(&info)),
			waitNoHang|waitExited|leaveZombie, 0, 0)
		switch errno {
		case 0:
			return int(info.pid)
		case syscall.EINTR:
		default: // ECHILD: no children at all
			return -1
		}
	}
}
