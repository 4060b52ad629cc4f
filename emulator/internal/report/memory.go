package report

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"
)

// rescanAfter is how long a process group is taken to have the same members. To
// find them costs a look at every process of the container.
const rescanAfter = time.Second

// A process cannot grow by much in a moment. After an invocation that was over
// in one, what was measured a little before will do: to measure takes a tenth of
// such an invocation's whole time.
const (
	moment       = 2 * time.Millisecond
	littleBefore = 100 * time.Millisecond
)

// Memory measures the largest resident set that a process group has had. The
// files of its members stay open, so that a measurement is a read of a few
// microseconds for each. The zero value measures nothing.
type Memory struct {
	group int

	mu      sync.Mutex
	members map[int]*os.File // /proc/PID/status, by process
	scanned time.Time
	read    time.Time
	peak    int // kB
}

// NewMemory observes the process group that the process pid leads.
func NewMemory(pid int) *Memory {
	return &Memory{group: pid, members: map[int]*os.File{}}
}

// PeakMB returns the largest size so far, at least 1, after an invocation that
// took so long.
func (m *Memory) PeakMB(took time.Duration) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := time.Now(); took > moment || now.Sub(m.read) > littleBefore {
		m.read = now
		if m.group > 0 && now.Sub(m.scanned) > rescanAfter {
			m.scanned = now
			m.scan()
		}
		m.peak = max(m.peak, m.measure())
	}
	return max(1, (m.peak+1023)/1024)
}

// measure adds up the kB that the members have had.
func (m *Memory) measure() int {
	sum := 0
	for pid, file := range m.members {
		var buffer [2048]byte
		n, err := file.ReadAt(buffer[:], 0)
		if n == 0 && err != nil { // it has exited
			file.Close()
			delete(m.members, pid)
		}
		sum += highWater(buffer[:n])
	}
	return sum
}

// scan finds the members of the group.
func (m *Memory) scan() {
	directory, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer directory.Close()
	names, _ := directory.Readdirnames(-1)
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil || m.members[pid] != nil || groupOf(name) != m.group {
			continue
		}
		if file, err := os.Open("/proc/" + name + "/status"); err == nil {
			m.members[pid] = file
		}
	}
}

// groupOf reads a process's group, the third field after its parenthesised name
// in /proc/PID/stat; 0 if the process is gone.
func groupOf(pid string) int {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 3 {
		return 0
	}
	group, err := strconv.Atoi(string(fields[2]))
	if err != nil {
		return 0
	}
	return group
}

// Close stops observing.
func (m *Memory) Close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.group = 0
	for pid, file := range m.members {
		file.Close()
		delete(m.members, pid)
	}
}

// highWater finds the kB of the line VmHWM in a /proc/PID/status.
func highWater(status []byte) int {
	_, rest, found := bytes.Cut(status, []byte("\nVmHWM:"))
	if !found {
		return 0
	}
	number, _, _ := bytes.Cut(rest, []byte(" kB"))
	kb, err := strconv.Atoi(string(bytes.TrimSpace(number)))
	if err != nil {
		return 0
	}
	return kb
}
