package reload

import "strings"

// What is not the function's code: byte code, caches, version control, and what
// editors leave for a moment.
var (
	ignoredNames = map[string]bool{
		"__pycache__": true, ".pytest_cache": true, ".mypy_cache": true, ".ruff_cache": true,
		".git": true, ".hg": true, ".svn": true, ".idea": true, ".vscode": true, ".DS_Store": true,
		"4913": true, // vim tries whether it may write
	}
	ignoredPrefixes = []string{".#", "#", ".~", ".goutputstream-", ".nfs", ".fuse_hidden"}
	ignoredSuffixes = []string{".pyc", ".pyo", "~", ".swp", ".swo", ".swx", ".swpx", "___jb_tmp___", "___jb_old___"}
)

func ignored(name string) bool {
	if ignoredNames[name] {
		return true
	}
	for _, prefix := range ignoredPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, suffix := range ignoredSuffixes {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
