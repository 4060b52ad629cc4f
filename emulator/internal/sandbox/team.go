package sandbox

import (
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"lambda-factory/emulator/internal/lambda"
	"lambda-factory/emulator/internal/logs"
	"lambda-factory/emulator/internal/supervisor"
)

// team are the external extensions of a sandbox.
type team struct {
	members  []member
	watching sync.WaitGroup
}

type member struct {
	name    string
	process *supervisor.Process
	pump    *logs.Pump
}

// assemble starts the programs in the extensions' directory. One that cannot be
// started never registers and so fails the init phase, but need not be waited
// for.
func (s *Sandbox) assemble() *team {
	t := &team{}
	names := programs(s.spec.Extensions)
	s.registry.Expect(names)
	for _, name := range names {
		path := filepath.Join(s.spec.Extensions, name)
		log := s.journal.Extension(s.bus.Lines("extension"))
		child, pump, err := s.start(path, nil, s.spec.ExtensionEnviron(s.server.address()), log)
		if err != nil {
			s.announce(name, nil, "LaunchError")
			s.registry.Fail(lambda.Failure{Type: "Extension.LaunchError", Message: err.Error()})
			continue
		}
		m := member{name, child, pump}
		t.members = append(t.members, m)
		t.watching.Go(func() { s.watch(m) })
	}
	return t
}

// programs lists what is to be run in a directory, which need not exist.
func programs(directory string) []string {
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(directory, entry.Name())) // layers may bring links
		if err == nil && info.Mode().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names
}

// watch notices an extension that ends before its time.
func (s *Sandbox) watch(m member) {
	select {
	case <-m.process.Exited():
		s.registry.Crash(m.name, m.process.ExitReason())
	case <-s.stopping:
	}
}

// kill ends the named members, or all.
func (t *team) kill(names ...string) {
	for _, m := range t.members {
		doomed := len(names) == 0
		for _, name := range names {
			doomed = doomed || name == m.name
		}
		if doomed {
			m.process.Signal(syscall.SIGKILL)
		}
	}
}

// wait waits until all members have exited, and tells whether they have before
// late fires.
func (t *team) wait(late <-chan struct{}) bool {
	for _, m := range t.members {
		select {
		case <-m.process.Exited():
		case <-late:
			return false
		}
	}
	return true
}

// close ends what is left of the team.
func (t *team) close() {
	t.kill()
	t.wait(nil)
	for _, m := range t.members {
		m.pump.Close()
	}
	t.watching.Wait()
}
