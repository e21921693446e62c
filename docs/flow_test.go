package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The files that these documents send their readers to are there.
func TestFilesThatAreNamedAreThere(t *testing.T) {
	for doc, least := range map[string]int{"flow.md": 20, "design.md": 20, "../CONTRIBUTING.md": 10} {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		named := regexp.MustCompile("`([a-z0-9/_]+/[a-z0-9_]+\\.go|[a-z0-9]+(?:/[a-z0-9]+)+)`").FindAllSubmatch(text, -1)
		if len(named) < least {
			t.Errorf("%s names only %d files", doc, len(named))
		}
		for _, m := range named {
			if _, err := os.Stat(filepath.Join("..", string(m[1]))); err != nil {
				t.Errorf("%s names %s, which is not there", doc, m[1])
			}
		}
	}
}

// The tests that reliability.md names exist.
func TestTestsThatAreNamedAreThere(t *testing.T) {
	text, err := os.ReadFile("reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	for _, f := range sources(t) {
		if f.isTest() {
			all = append(all, f.text...)
		}
	}
	named := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)(…?)[`/]").FindAllSubmatch(text, -1)
	if len(named) < 200 {
		t.Errorf("it names only %d tests", len(named))
	}
	for _, m := range named {
		end := "("
		if len(m[2]) > 0 {
			end = ""
		}
		if !bytes.Contains(all, []byte("func "+string(m[1])+end)) {
			t.Errorf("it names %s, which is not there", m[1])
		}
	}
}
