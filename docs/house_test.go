// Package docs holds no code: this test reads the whole tree and keeps the rules of
// the house that a compiler does not.
package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "mailsync"

// room says what a package may import: of ours, and of others by module path. What a
// room's path ends in "/..." covers holds for every package below it.
type room struct {
	path   string
	ours   []string
	others []string
}

// table is the import table of design.md. The first room that fits counts.
var table = []room{
	{"state", nil, nil},
	{"state/store", []string{"state"}, []string{"zombiezen.com/go/sqlite", "modernc.org/sqlite", "golang.org/x/sys"}},
	{"sync/plan", []string{"state"}, nil},
	{"sync/port", []string{"state", "sync/plan"}, nil},
	{"sync/match", []string{"state", "sync/plan", "sync/port"}, nil},
	{"sync/mailbox", []string{"state", "sync/plan", "sync/port", "sync/match"}, nil},
	{"sync/folder", []string{"state", "sync/plan", "sync/port", "sync/mailbox"}, nil},
	{"sync/send", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox"}, nil},
	{"sync/tie", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox"}, nil},
	{"sync/bind", []string{"state", "sync/plan", "sync/port", "sync/mailbox"}, nil},
	{"sync/scan", []string{"state", "sync/plan", "sync/port", "sync/mailbox", "sync/folder", "sync/send", "sync/tie", "sync/bind"}, []string{"golang.org/x/sync"}},
	{"sync/list", []string{"state", "sync/plan", "sync/port", "sync/mailbox", "sync/bind"}, nil},
	{"sync/forget", []string{"state", "sync/port", "sync/mailbox", "sync/bind", "sync/list"}, nil},
	{"sync/fetch", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox", "sync/tie"}, []string{"golang.org/x/sync"}},
	{"sync/moves", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox", "sync/scan"}, nil},
	{"sync/destroy", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox", "sync/folder", "sync/send", "sync/bind"}, nil},
	{"sync/change", []string{"state", "sync/plan", "sync/port", "sync/mailbox"}, nil},
	{"sync/archive", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox", "sync/folder", "sync/destroy"}, nil},
	{"sync/settle", []string{"state", "sync/plan", "sync/port", "sync/mailbox", "sync/bind"}, []string{"golang.org/x/sync"}},
	{"sync/undo", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox", "sync/folder", "sync/send", "sync/list", "sync/destroy", "sync/archive"}, nil},
	{"sync/repair", []string{"state", "sync/plan", "sync/port", "sync/mailbox"}, nil},
	{"sync/restore", []string{"state", "sync/plan", "sync/port", "sync/match", "sync/mailbox", "sync/send", "sync/list"}, []string{"golang.org/x/sync"}},
	{"sync/verify", []string{"state", "sync/plan", "sync/port", "sync/mailbox", "sync/folder"}, []string{"golang.org/x/sync"}},
	{"sync", []string{"state", "sync/..."}, []string{"golang.org/x/sync"}},
	{"backends/redact", nil, nil},
	{"backends/reach", []string{"state", "backends/redact"}, nil},
	{"backends/auth", []string{"state", "backends/reach", "backends/redact"}, []string{"github.com/emersion/go-sasl", "golang.org/x/text"}},
	{"backends/imap/...", []string{"state", "backends/auth", "backends/reach", "backends/redact", "backends/imap/..."}, []string{
		"github.com/emersion/go-imap/v2", "github.com/emersion/go-sasl", "golang.org/x/text"}},
	{"backends/pop3/...", []string{"state", "backends/auth", "backends/reach", "backends/redact", "backends/pop3/..."}, nil},
	{"backends/maildir/...", []string{"state", "backends/maildir/..."}, []string{
		"github.com/emersion/go-maildir", "golang.org/x/sys", "golang.org/x/text"}},
	{"internal/clipboard", nil, nil},
	{testkit, []string{"..."}, nil},
	{"bench/...", []string{"..."}, nil},
	{"cmd/mailsync/oauth", []string{"state", "state/store", "backends/reach", "backends/redact", "cmd/mailsync/config", "cmd/mailsync/secret"}, []string{"golang.org/x/oauth2"}},
	{"cmd/mailsync/providers", nil, nil},
	{"cmd/mailsync/demo", nil, []string{"github.com/emersion/go-imap/v2"}},
	{"cmd/mailsync/lookup", []string{"cmd/mailsync/providers"}, []string{"golang.org/x/net"}},
	{"cmd/mailsync/ask", []string{"state"}, []string{"charm.land/huh/v2", "charm.land/bubbletea/v2", "golang.org/x/term"}},
	{"cmd/...", []string{"state", "state/store", "sync/...", "backends/imap", "backends/imap/wire", "backends/pop3", "backends/reach", "backends/redact", "backends/maildir/...", "cmd/..."}, []string{
		"github.com/BurntSushi/toml", "github.com/spf13/cobra", "github.com/spf13/pflag",
		"golang.org/x/term", "golang.org/x/net", "golang.org/x/oauth2", "golang.org/x/sync", "golang.org/x/sys",
		"github.com/zalando/go-keyring",
	}},
}

// testkit is what tests are made with. Only they and the benchmark may import it.
const testkit = "internal/testkit/..."

// source is one Go file of the tree.
type source struct {
	path string // from the root, with slashes
	dir  string
	text []byte
	file *ast.File
}

func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

// imports returns import path and name ("" where none is given) of every import.
func (s source) imports() map[string]string {
	all := make(map[string]string)
	for _, spec := range s.file.Imports {
		p, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue
		}
		name := ""
		if spec.Name != nil {
			name = spec.Name.Name
		}
		all[p] = name
	}
	return all
}

func sources(t *testing.T) []source {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	var all []source
	err = fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (p != "." && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(p) != ".go" {
			return nil
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p)))
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, text, parser.ParseComments)
		if err != nil {
			return err
		}
		all = append(all, source{p, path.Dir(p), text, file})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("%d Go files below %s: not the whole tree", len(all), root)
	}
	return all
}

// covers reports whether a pattern of the table names a package.
func covers(pattern, pkg string) bool {
	if pattern == "..." {
		return true
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return pkg == below || strings.HasPrefix(pkg, below+"/")
	}
	return pattern == pkg
}

func anyCovers(patterns []string, pkg string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, pkg) })
}

func TestImports(t *testing.T) {
	for _, s := range sources(t) {
		i := slices.IndexFunc(table, func(r room) bool { return covers(r.path, s.dir) })
		if i < 0 {
			if !covers("docs/...", s.dir) { // they hold only tests
				t.Errorf("%s: %s is no room of the table", s.path, s.dir)
			}
			continue
		}
		for p := range s.imports() {
			checkImport(t, s, table[i], p)
		}
	}
}

func checkImport(t *testing.T, s source, r room, p string) {
	t.Helper()
	if ours, ok := strings.CutPrefix(p, module+"/"); ok {
		allowed := anyCovers(r.ours, ours)
		switch {
		case s.isTest():
			allowed = allowed || !covers("cmd/...", ours) // they bring together what must not meet elsewhere
		case covers(testkit, ours):
			allowed = anyCovers([]string{testkit, "bench/..."}, s.dir)
		}
		if !allowed {
			t.Errorf("%s imports %s: %s may not", s.path, p, r.path)
		}
		return
	}
	first, _, _ := strings.Cut(p, "/")
	if s.isTest() || !strings.Contains(first, ".") {
		return // tests may use what they like of others; the standard library is free
	}
	if p == "C" || !slices.ContainsFunc(r.others, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") }) {
		t.Errorf("%s imports %s: %s may not", s.path, p, r.path)
	}
}

// Package sync is ours. Standard sync is not needed in it, and nobody may read "sync."
// and have to ask which.
func TestStandardSync(t *testing.T) {
	for _, s := range sources(t) {
		imports := s.imports()
		name, std := imports["sync"]
		if !std {
			continue
		}
		if s.dir == "sync" {
			t.Errorf("%s imports standard sync", s.path)
		}
		oursName, ours := imports[module+"/sync"]
		if ours && name == oursName {
			t.Errorf("%s imports both packages sync under one name", s.path)
		}
	}
}

func TestFilesHaveOneIdea(t *testing.T) {
	const limit = 400
	for _, s := range sources(t) {
		if lines := bytes.Count(s.text, []byte("\n")); lines > limit && !s.isTest() {
			t.Errorf("%s has %d lines, more than %d: two ideas?", s.path, lines, limit)
		}
	}
}

func TestPackagesSayWhatTheyAreFor(t *testing.T) {
	said := make(map[string]bool)
	for _, s := range sources(t) {
		if !s.isTest() {
			said[s.dir] = said[s.dir] || s.file.Doc != nil
		}
	}
	for dir, ok := range said {
		if !ok {
			t.Errorf("package %s has no doc comment", dir)
		}
	}
}

func TestNothingIsLeftOpen(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X:"}
	for _, s := range sources(t) {
		for _, m := range marks {
			if bytes.Contains(s.text, []byte(m)) {
				t.Errorf("%s: %s", s.path, m)
			}
		}
	}
}

// Durability is decided in two rooms; elsewhere a rename or an fsync is a way round
// their order. The demo alone renames too: it plays the user's mail reader.
func TestRenameAndFsyncHaveTheirRooms(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.path == "cmd/mailsync/demo.go" || s.dir == "state/store" || covers("backends/maildir/...", s.dir) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, ok := sel.X.(*ast.Ident)
			if ok && slices.Contains([]string{"os", "unix", "syscall", "windows"}, pkg.Name) &&
				(strings.HasPrefix(sel.Sel.Name, "Rename") || strings.HasSuffix(sel.Sel.Name, "sync")) {
				t.Errorf("%s calls %s.%s", s.path, pkg.Name, sel.Sel.Name)
			}
			return true
		})
	}
}
