package reload

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"io/fs"
	"syscall"
	"time"
)

// Polling takes at most a tenth of the time: large trees are polled less often.
const (
	pollInterval = 300 * time.Millisecond
	pollShare    = 10
)

// remote are the file systems, by the magic number of statfs(2), on which
// somebody else may change a file without this kernel knowing: what desktop
// engines mount from their host, and networks.
var remote = map[uint32]bool{
	0x01021997: true, // 9p: WSL 2, gVisor, minikube
	0x65735546: true, // FUSE, virtiofs: Docker Desktop, Colima, Rancher, Lima
	0x786f4256: true, // vboxsf
	0xbacbacbc: true, // vmhgfs
	0x6969:     true, // NFS
	0xff534d42: true, // CIFS
	0xfe534d42: true, // SMB2
}

// kernelTells tells whether inotify reaches all of the directories.
func kernelTells(directories []string) bool {
	for _, directory := range directories {
		var info syscall.Statfs_t
		if syscall.Statfs(directory, &info) == nil && remote[uint32(info.Type)] {
			return false
		}
	}
	return true
}

// poller looks again and again.
type poller struct {
	roots []string
	seed  maphash.Seed
}

func (p *poller) run(ctx context.Context, changed chan<- struct{}) error {
	p.seed = maphash.MakeSeed()
	seen := p.fingerprint()
	timer := time.NewTimer(pollInterval)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		start := time.Now()
		if now := p.fingerprint(); now != seen {
			seen = now
			notify(changed)
		}
		timer.Reset(max(pollInterval, pollShare*time.Since(start)))
	}
}

// fingerprint changes with the name, size, mode and time of any file.
func (p *poller) fingerprint() uint64 {
	var hash maphash.Hash
	hash.SetSeed(p.seed)
	for _, root := range p.roots {
		_ = walk(root, func(path string, entry fs.DirEntry) error {
			info, err := entry.Info()
			if err != nil {
				return nil
			}
			var fixed [20]byte
			if !entry.IsDir() { // an ignored file changes its directory too
				binary.NativeEndian.PutUint64(fixed[0:], uint64(info.Size()))
				binary.NativeEndian.PutUint64(fixed[8:], uint64(info.ModTime().UnixNano()))
			}
			binary.NativeEndian.PutUint32(fixed[16:], uint32(info.Mode()))
			_, _ = hash.WriteString(path)
			_, _ = hash.Write(fixed[:])
			return nil
		})
	}
	return hash.Sum64()
}
