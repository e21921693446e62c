package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// many is a configuration of n accounts; of each there are some more lines, in which %d is its number.
func many(n int, defaults, more string) string {
	var b strings.Builder
	b.WriteString("[defaults]\n" + defaults + "\n")
	for i := range n {
		fmt.Fprintf(&b, "[accounts.u%d]\nhost = \"imap%d.example.org\"\nuser = \"u%d\"\nexclude = [\"role:junk\"]\n%s\n",
			i, i%100, i, strings.ReplaceAll(more, "%d", fmt.Sprint(i)))
	}
	return b.String()
}

// What reading a configuration costs grows with the number of its accounts, and not with its square: also where something is
// wrong with every account. Allocations are counted; ten times the accounts may need twelve times as many.
func TestReadingIsLinear(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "real"), filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	apart := `maildir = "` + dir + `/real/{account}"`
	for _, c := range []struct {
		name, defaults, more string
		problems             bool
	}{
		{"right", apart, `password_env = "P"`, false},
		{"by a link", `maildir = "` + dir + `/link/{account}"`, `password_env = "P"`, false},
		{"state and archives", apart + "\nstate_dir = \"" + dir + "/state/{account}\"\narchive.into = \"" + dir + "/archive/{year}\"", `password_env = "P"`, false},
		{"no password", apart, "", true},
		{"an unknown key", apart, "password_env = \"P\"\nhots = 1", true},
		{"a wrong default", apart + "\ntimeout = 60", `password_env = "P"`, true},
		{"one Maildir for all", `maildir = "` + dir + `/real"`, `password_env = "P"`, true},
		{"in one another's", `maildir = "` + dir + `/real/{account}"`, "password_env = \"P\"\nstate_dir = \"" + dir + "/real\"", true},
		{"an archive that may be any", apart, "password_env = \"P\"\narchive.into = \"" + dir + "/real/u{year}\"", true},
	} {
		cost := func(n int) float64 {
			text := many(n, c.defaults, c.more)
			return testing.AllocsPerRun(1, func() {
				if _, err := Parse("c.toml", text, 0o600, env); (err != nil) != c.problems {
					t.Errorf("%s: %v", c.name, err)
				}
			})
		}
		few, more := cost(50), cost(500)
		if more > 12*few || few > 50*700 {
			t.Errorf("%s: %.0f allocations for 50 accounts, %.0f for 500", c.name, few, more)
		}
	}
}

// Of trees that are all the same, each is reported once.
func TestEveryTreeIsReportedOnce(t *testing.T) {
	got := strings.Split(told(t, many(50, `maildir = "/nowhere/Mail"`, `password_env = "P"`)), "\n")
	if len(got) != 1 { // the line of the default, said of each account
		for i, line := range got {
			if want := fmt.Sprintf("2: accounts.u%d.maildir: /nowhere/Mail is the same directory as accounts.u0.maildir", i+1); !strings.HasPrefix(line, want) {
				t.Errorf("%q does not begin with %q", line, want)
			}
		}
	}
	if len(got) != 49 {
		t.Errorf("%d problems of 50 accounts", len(got))
	}
}

// Two names of one folder are one, wherever the file system has them: here by a link in the middle of a path that goes on to what
// does not exist yet, and by a link to a link.
func TestRootsByLinks(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"real/deep", "b"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"one": "real", "two": "one", "b/up": "../real/deep", "gone": "nowhere", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ a, b, want string }{
		{"real/new/x", "two/new/x", "is the same directory as accounts.a.maildir"},
		{"two/new", "real/new/x", "is inside accounts.a.maildir"},
		{"b/up/x", "one/deep/x/y", "is inside accounts.a.maildir"},
		{"b/up", "one", "contains accounts.a.maildir"},
		{"b/up/../y", "b/y", "is the same directory as"}, // a path is clean before its links are followed
		{"gone/x", "nowhere/x", ""},
		{"loop/x", "loop/y", ""},
		{"loop", "loop/y", "is inside"},
	} {
		rest := "\nhost='h'\nuser='u'\npassword_env='P'\n"
		got := told(t, "[accounts.a]\nmaildir='"+dir+"/"+c.a+"'"+rest+"[accounts.b]\nmaildir='"+dir+"/"+c.b+"'"+rest)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s, %s: got %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

// An archive beside a tree whose name begins in the same way is another folder.
func TestArchiveBesideATree(t *testing.T) {
	if got := told(t, good+"archive.into = \"~/Mail/wo/{year}\"\n"); got != "" {
		t.Error(got)
	}
}

// What is replaced is a part of the name: a link that has the rest of it leads somewhere else.
func TestArchiveWhoseNameBeginsLikeALink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(dir, "arch")); err != nil {
		t.Fatal(err)
	}
	rest := "\nhost='h'\nuser='u'\npassword_env='P'\n"
	got := told(t, "[accounts.a]\nmaildir='"+dir+"/arch2024'"+rest+"archive.into='"+dir+"/arch{year}'\n")
	if !strings.Contains(got, "accounts.a.into: "+dir+"/arch{year} may be accounts.a.maildir") {
		t.Error(got)
	}
}

// Without what the TOML library keeps of lines, mistakes have none.
func TestLinesAreNotKnown(t *testing.T) {
	for _, keys := range []any{nil, map[int]int{}, map[string]int{"a": 1}, map[string]struct{ pos int }{"a": {1}}, map[string]struct{ pos struct{ Line string } }{"a": {}}} {
		s := &source{keys: reflect.ValueOf(keys)}
		if line := s.line(toml.Key{"a"}); line != 0 {
			t.Errorf("%v: line %d", keys, line)
		}
	}
}
