package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// The files that flow.md sends its readers to are there.
func TestFlowNamesFilesThatAreThere(t *testing.T) {
	text, err := os.ReadFile("flow.md")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`([a-z0-9/_]+/[a-z0-9_]+\\.go|[a-z0-9]+(?:/[a-z0-9]+)+)`").FindAllSubmatch(text, -1)
	if len(named) < 20 {
		t.Fatalf("only %d files are named", len(named))
	}
	for _, m := range named {
		if _, err := os.Stat(filepath.Join("..", string(m[1]))); err != nil {
			t.Errorf("flow.md names %s, which is not there", m[1])
		}
	}
}
