package config

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// filesIn writes files into a folder of the test, and reads the one that is named c.toml.
func filesIn(t *testing.T, files map[string]string) (dir string, c *Config, err error) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err = Load(filepath.Join(dir, "c.toml"), func(name string) string {
		if name == "HERE" {
			return dir
		}
		return env(name)
	})
	return dir, c, err
}

// included is the main file with some patterns, and one account: the others need none but a name.
func included(patterns string) string {
	return "include = [" + patterns + "]\n[defaults]\nhost = \"h\"\nuser = \"u\"\npassword_env = \"P\"\nmaildir = \"/nowhere/{account}\"\n[accounts.main]\n"
}

// Files come in the order of the patterns, then of their names, each once; wildcards match no leading dot, and not the main file.
func TestIncludedFilesInOrder(t *testing.T) {
	one := func(name string) string { return "[accounts." + name + "]\n" }
	dir, c, err := filesIn(t, map[string]string{
		"c.toml":      included(`"z/last.toml", "d/*.toml", "$HERE/d/b*", "*.toml", "e*/*.toml", "none/*"`),
		"d/b.toml":    one("b"),
		"d/a.toml":    one("a"),
		"d/a.toml~":   one("backup"),
		"d/.h.toml":   one("hidden"),
		"z/last.toml": one("first"), "e1/x.toml": one("x"), "e2/y.toml": one("y"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range c.Accounts {
		got = append(got, a.Name)
	}
	if want := []string{"main", "first", "a", "b", "x", "y"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if len(c.Bad()) > 0 || !slices.Equal(c.Empty(), []string{filepath.Join(dir, "none", "*")}) {
		t.Errorf("bad %v, empty %v", c.Bad(), c.Empty())
	}
	if at := c.FileOf(c.Accounts[2]); at != filepath.Join(dir, "d", "a.toml") || c.FileOf(c.Accounts[0]) != c.Path {
		t.Errorf("a is in %s", at)
	}
}

// What is wrong with the list itself.
func TestIncludeIsAListOfPatterns(t *testing.T) {
	for text, want := range map[string]string{
		`include = "x"`:              `1: include: wants a list of strings, has a string | for example: include = ["accounts.d/*.toml"]`,
		`include = [1]`:              `1: include: wants a list of strings, has a whole number in it`,
		`include = [""]`:             `1: include: "": is empty`,
		`include = ["$NOWHERE/*"]`:   `1: include: "$NOWHERE/*": $NOWHERE is not set`,
		`include = ["a[b"]`:          `1: include: "a[b": syntax error in pattern`,
		`inclde = ["x"]`:             `1: inclde: unknown key | did you mean "include"?`,
		"[include]\nfiles = [\"x\"]": `1: include: wants a list of strings, has a table | write it above the first [table]`,
	} {
		if got := told(t, text+"\n"+good); !strings.HasPrefix(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, got, want)
		}
	}
}

// A file with a mistake has no account that is used, also not the right ones in it, and takes nothing from others: not their names,
// and not their folders.
func TestBadFilesFailAlone(t *testing.T) {
	dir, c, err := filesIn(t, map[string]string{
		"c.toml":   included(`"d/*"`),
		"d/a.toml": "[accounts.one]\nmaildir = \"/nowhere/same\"\nhots = 1\n[accounts.two]\n",
		"d/b.toml": "[accounts.three]\nmaildir = \"/nowhere/same\"\n",
		"d/c.toml": "[accounts.three]\n[accounts.four]\n",
		"d/d.toml": "[accounts.five]\nmaildir = \"/nowhere/main\"\n",
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Accounts) != 2 || c.Accounts[1].Name != "three" {
		t.Errorf("%+v", c.Accounts)
	}
	var got []string
	for _, b := range c.Bad() {
		got = append(got, filepath.Base(b.File)+" "+strings.Join(b.Names, ","))
		for _, p := range b.Problems {
			got = append(got, strings.ReplaceAll(p.Error(), dir+string(filepath.Separator), ""))
		}
	}
	d := "d" + string(filepath.Separator)
	want := []string{
		"a.toml one,two", d + "a.toml:3: accounts.one.hots: unknown key",
		"c.toml three,four", d + "c.toml:1: accounts.three: an account of this name is in " + d + "b.toml, line 1",
		"d.toml five", d + "d.toml:2: accounts.five.maildir: /nowhere/main is the same directory as accounts.main.maildir (/nowhere/main)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if b := c.BadFileOf("four"); b == nil || filepath.Base(b.File) != "c.toml" || c.BadFileOf("main") != nil {
		t.Errorf("four is in %v", b)
	}
}

// A folder of files that cannot be read is not an empty one: its accounts would go without a word.
func TestUnreadableFolderOfFiles(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		// Whoever may read everything sees the same with a file in the folder's place.
		_, c, err := filesIn(t, map[string]string{"c.toml": included(`"d/*.toml"`), "d": ""})
		if err != nil || runtime.GOOS != "windows" && len(c.Bad()) != 1 {
			t.Errorf("%v, %v", c, err)
		}
		return
	}
	dir, _, _ := filesIn(t, map[string]string{"c.toml": included(`"d/*.toml"`), "d/a.toml": "[accounts.a]\n"})
	if err := os.Chmod(filepath.Join(dir, "d"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "d"), 0o700) })
	c, err := Load(filepath.Join(dir, "c.toml"), env)
	if err != nil || len(c.Bad()) != 1 || !strings.Contains(c.Bad()[0].Problems.Error(), "permission denied") {
		t.Errorf("%+v, %v", c, err)
	}
}

// Accounts that are spread over a thousand files cost what they cost in one.
func TestManyFilesAreLinear(t *testing.T) {
	cost := func(n int) float64 {
		files := map[string]string{"c.toml": included(`"d/*.toml"`)}
		for i := range n {
			name := fmt.Sprintf("u%d", i)
			files["d/"+name+".toml"] = "[accounts." + name + "]\n"
		}
		dir, _, _ := filesIn(t, files)
		return testing.AllocsPerRun(1, func() {
			if c, err := Load(filepath.Join(dir, "c.toml"), env); err != nil || len(c.Accounts) != n+1 {
				t.Fatal(err)
			}
		})
	}
	if few, more := cost(50), cost(500); more > 12*few {
		t.Errorf("%.0f allocations for 50 files, %.0f for 500", few, more)
	}
}

// The main file may be among those that its own patterns match, whatever it was called by.
func TestMainFileIsNotIncluded(t *testing.T) {
	dir, _, _ := filesIn(t, map[string]string{"c.toml": included(`"*.toml"`), "a.toml": "[accounts.a]\n", "d/x": ""})
	t.Chdir(dir)
	for _, path := range []string{"c.toml", "./c.toml", "d/../c.toml", filepath.Join(dir, "c.toml")} {
		c, err := Load(path, env)
		if err != nil || len(c.Bad()) > 0 || len(c.Accounts) != 2 {
			t.Errorf("%s: %v, %v", path, c, err)
		}
	}
	all, err := os.ReadFile("c.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("c.toml", []byte(strings.Replace(string(all), `"*.toml"`, `"$HERE/*.toml"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load("c.toml", func(name string) string {
		if name == "HERE" {
			return filepath.ToSlash(dir)
		}
		return env(name)
	})
	if err != nil || len(c.Bad()) > 0 || len(c.Accounts) != 2 {
		t.Errorf("%v, %v", c, err)
	}
}

// A folder whose name looks like a pattern is that folder: its accounts would go without a word.
func TestFoldersAreNoPatterns(t *testing.T) {
	for _, folder := range []string{"[x]", `a[b`, `w*?`, `back\slash`} {
		if runtime.GOOS == "windows" && strings.ContainsAny(folder, `*?\`) {
			continue
		}
		top := t.TempDir()
		dir := filepath.Join(top, folder)
		for name, text := range map[string]string{"c.toml": included(`"d/*.toml", "one", "$HERE/e/*"`), "d/a.toml": "[accounts.a]\n", "one": "[accounts.b]\n", "e/c": "[accounts.c]\n"} {
			file := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := Load(filepath.Join(dir, "c.toml"), func(name string) string {
			if name == "HERE" {
				return dir
			}
			return env(name)
		})
		if err != nil || len(c.Bad()) > 0 || len(c.Empty()) > 0 || len(c.Accounts) != 4 {
			t.Errorf("%s: %+v, %v", folder, c, err)
		}
	}
}

// A file that fails takes no folder from the files behind it; but what clashes with it alone, and with something that is used, too,
// is found.
func TestClashesAcrossFiles(t *testing.T) {
	maildir := func(name, path string) string { return "[accounts." + name + "]\nmaildir = '" + path + "'\n" }
	archive := func(name, into string) string {
		return "[accounts." + name + "]\n[accounts." + name + ".archive]\ninto = '" + into + "'\n"
	}
	for name, c := range map[string]struct {
		files []string
		want  string // the accounts that are used
	}{
		"one for all":                      {[]string{maildir("a", "/nowhere"), "[accounts.b]\n", "[accounts.c]\n"}, "main b c"},
		"the first of them is right":       {[]string{maildir("a", "/elsewhere"), maildir("b", "/elsewhere/b"), maildir("c", "/elsewhere/b/c")}, "main a"},
		"one in another that is set aside": {[]string{maildir("a", "/x/1/2"), maildir("b", "/x/1"), maildir("c", "/x/1/3"), maildir("d", "/x/1/3/4")}, "main a c"},
		"archives above a tree":            {[]string{maildir("a", "/arch/a"), archive("b", "/arch/{year}"), archive("c", "/arch/{year}")}, "main a"},
		"archives that may be a tree":      {[]string{maildir("a", "/arch-1/a"), archive("b", "/arch-{year}"), archive("c", "/arch-{year}")}, "main a"},
		"trees below archives":             {[]string{archive("a", "/arch/{year}"), archive("b", "/arch/{year}"), maildir("c", "/arch/c"), maildir("d", "/arch/d")}, "main a b"},
	} {
		files := map[string]string{"c.toml": included(`"d/*"`)}
		for i, text := range c.files {
			files[fmt.Sprintf("d/%d", i)] = text
		}
		_, got, err := filesIn(t, files)
		if err != nil {
			t.Fatal(err)
		}
		var used []string
		for _, a := range got.Accounts {
			used = append(used, a.Name)
		}
		if have := strings.Join(used, " "); have != c.want || len(got.Bad()) != len(c.files)+1-len(used) {
			t.Errorf("%s: used %q, want %q; %v", name, have, c.want, got.Bad())
		}
		if err := CheckRoots(got.Accounts); err != nil {
			t.Errorf("%s: what is used clashes: %v", name, err)
		}
	}
}
