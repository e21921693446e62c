package sync_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// once are the notes without a hint: they are about something that a run did or found once, and that the next one does
// not report again. Any other note says how to end it.
var once = []string{
	"the server parts the levels of a name",
	"the server renamed", "the Maildir %q is %q now", "a folder of its Maildir was gone", "the marker was gone",
	"the mailbox would be created on the server", "%s at %s is %s at %s now", "not appended yet", "the server numbers its messages anew", "%d appended without keywords",
	"uid %d stays on the server: its flags were changed meanwhile", "of its messages, %d that an archive run released",
	"%d of its messages are copies of others that are put back", "%d of its messages were back on the server already",
	"not all is moved back from the server's trash", "%d files that were moved here are not sent",
}

// A note that a user reads in every run, and that says nothing about how to end it, is soon not read any more.
func TestNotesSayHowToEndThem(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 3 {
				return true
			}
			if f, ok := call.Fun.(*ast.SelectorExpr); !ok || f.Sel.Name != "Note" {
				return true
			}
			seen++
			if hint, ok := call.Args[2].(*ast.BasicLit); !ok || hint.Value != `""` {
				return true
			}
			if text := firstText(call.Args[1]); !slices.ContainsFunc(once, func(o string) bool { return strings.HasPrefix(text, o) }) {
				t.Errorf("%s: the note %q has no hint: say how to end it, or add it to the notes that are printed once", files.Position(call.Pos()), text)
			}
			return true
		})
		return nil
	})
	if err != nil || seen < 20 {
		t.Errorf("%d notes found, %v", seen, err)
	}
}

// firstText is the first string in an expression.
func firstText(e ast.Expr) (text string) {
	ast.Inspect(e, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && text == "" {
			text = strings.Trim(lit.Value, "\"`")
		}
		return text == ""
	})
	return text
}
