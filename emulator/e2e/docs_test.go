package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each row of the conformance table names the tests that prove it, and each test
// of this package proves something that the table tells.
func TestConformanceTableNamesTheTests(t *testing.T) {
	document, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	declared := map[string]string{} // the package of each test
	files, _ := filepath.Glob("../*/*_test.go")
	inner, _ := filepath.Glob("../internal/*/*_test.go")
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, file := range append(files, inner...) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range function.FindAllSubmatch(content, -1) {
			declared[string(match[1])] = filepath.Base(filepath.Dir(file))
		}
	}
	reference := regexp.MustCompile("`(?:(\\w+): )?((?:Test|Fuzz)\\w+)`")
	named := map[string]bool{}
	for _, match := range reference.FindAllSubmatch(document, -1) {
		where, name := string(match[1]), string(match[2])
		if where == "" {
			where = "e2e"
		}
		named[name] = true
		if declared[name] != where {
			t.Errorf("the document names %s in %s, which is in %q", name, where, declared[name])
		}
	}
	for name, where := range declared {
		if where == "e2e" && !named[name] && name != "TestMain" && !strings.HasPrefix(name, "TestConformance") {
			t.Errorf("the document does not name %s", name)
		}
	}
}
