package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// BadFile is an included file with a mistake in it. None of its accounts can be used; those of all other
// files can.
type BadFile struct {
	File     string
	Problems Problems
	Names    []string // the accounts that it is known to have
}

// Bad are the included files with a mistake, in the order in which they were read.
func (c *Config) Bad() []BadFile { return c.bad }

// Empty are the patterns of "include" that match no file.
func (c *Config) Empty() []string { return c.empty }

// BadFileOf returns the included file with a mistake that has an account of this name, nil where none is known to.
func (c *Config) BadFileOf(name string) *BadFile {
	i := slices.IndexFunc(c.bad, func(b BadFile) bool { return slices.Contains(b.Names, name) })
	if i < 0 {
		return nil
	}
	return &c.bad[i]
}

// FileOf is the file that an account is in.
func (c *Config) FileOf(a *Account) string {
	if a.file != "" {
		return a.file
	}
	return c.Path
}

// pattern is one of "include".
type pattern struct {
	path  string
	exact bool // it is the name of a file, without a wildcard
}

// include reads the key "include".
func (r *reading) include(prim toml.Primitive, at toml.Key) (all []pattern) {
	var value any
	err := r.meta.PrimitiveDecode(prim, &value)
	var list []string
	if err == nil {
		list, err = lines(value)
	}
	if err != nil {
		cure := `for example: include = ["accounts.d/*.toml"]`
		if _, isTable := value.(map[string]any); isTable {
			cure = "write it above the first [table]: " + cure
		}
		r.add(r.place(at), "include", err.Error(), cure)
		return nil
	}
	for _, text := range list {
		p, err := r.pattern(text)
		if err != nil {
			r.add(r.place(at), "include", fmt.Sprintf("%q: %v", text, err), `for example: include = ["accounts.d/*.toml"]`)
		}
		all = append(all, p)
	}
	return all
}

// pattern makes one absolute, or relative as the path of the main file is. Only what it says itself is a wildcard, and nothing
// in the name of a folder that it is relative to.
func (r *reading) pattern(text string) (pattern, error) {
	if _, err := line(text); err != nil {
		return pattern{}, err
	}
	p := pattern{exact: !hasWildcard(text)}
	literal := func(path string) string { return path }
	if !p.exact {
		literal = quoteWildcards
	}
	path, err := Expand(text, func(name string) string { return literal(r.env(name)) })
	if err != nil {
		return p, err
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(literal(filepath.Dir(r.own.file)), path)
	}
	p.path = filepath.Clean(path)
	if !p.exact {
		_, err = filepath.Match(p.path, "")
	}
	return p, err
}

// quoteWildcards makes a pattern that matches a path.
func quoteWildcards(path string) string {
	path = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(path)
	if os.PathSeparator != '\\' {
		path = strings.ReplaceAll(path, `\`, `\\`)
	}
	return path
}

// includeAll reads every file that some patterns match, each once, in the order of the patterns and then of the names.
func (r *reading) includeAll(c *Config, patterns []pattern, defaults table) {
	main, _ := os.Stat(c.Path) // a pattern may match it, under another name than it was given by
	seen := map[string]bool{}
	for _, p := range patterns {
		files, err := p.files()
		if err != nil {
			c.bad = append(c.bad, BadFile{File: p.path, Problems: Problems{unreadableFile(filepath.Dir(p.path), err)}})
		} else if len(files) == 0 {
			c.empty = append(c.empty, p.path)
		}
		for _, file := range files {
			if seen[file] {
				continue
			}
			seen[file] = true
			if info, err := os.Stat(file); err != nil || main == nil || !os.SameFile(info, main) {
				r.includeFile(c, file, defaults)
			}
		}
	}
}

// files are those that a pattern matches, sorted. A name without a wildcard matches itself, whether or not there is such
// a file. As in shells, a wildcard at the beginning matches no dot.
func (p pattern) files() ([]string, error) {
	if p.exact {
		return []string{p.path}, nil
	}
	if dir := filepath.Dir(p.path); !hasWildcard(dir) { // Glob does not tell one that cannot be read from an empty one
		if _, err := os.ReadDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	files, err := filepath.Glob(p.path)
	hidden := strings.HasPrefix(filepath.Base(p.path), ".")
	files = slices.DeleteFunc(files, func(file string) bool { return !hidden && strings.HasPrefix(filepath.Base(file), ".") })
	slices.Sort(files)
	return files, err
}

func hasWildcard(path string) bool { return strings.ContainsAny(path, `*?[`) }

// includeFile reads an included file. What is wrong with it is kept with it.
func (r *reading) includeFile(c *Config, file string, defaults table) {
	text, mode, err := readIncluded(file)
	var top table
	if err != nil {
		err = Problems{unreadableFile(file, err)}
	} else {
		top, err = r.decode(file, text, mode)
	}
	if problems, ok := errors.AsType[Problems](err); ok {
		c.bad = append(c.bad, BadFile{File: file, Problems: problems})
		return
	}
	before := len(r.problems)
	for _, name := range r.order(top, nil) {
		if name != "accounts" {
			r.add(r.own.place(toml.Key{name}), name, "does not belong into an included file", "it has [accounts.NAME] only; [defaults] and include are in "+c.Path)
		}
	}
	accounts := r.accounts(top, defaults)
	for _, a := range accounts {
		a.file = file
	}
	c.Accounts = append(c.Accounts, accounts...)
	if wrong := r.problems[before:]; len(wrong) > 0 {
		c.fail(file, wrong)
	}
	r.problems = r.problems[:before]
}

// readIncluded is readFile for what a pattern matches: there may be a folder among it, or a pipe that nobody writes to.
func readIncluded(file string) (string, fs.FileMode, error) {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return "", 0, errors.New("it is not a file")
	}
	return readFile(file)
}

func unreadableFile(file string, err error) Problem {
	p := Problem{File: file, What: "cannot be read: " + reason(err).Error()}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.Cure = `"include" names it; a pattern like "accounts.d/*.toml" may match no file`
	case errors.Is(err, fs.ErrPermission):
		p.Cure = "it belongs to another user, or its mode forbids it"
	}
	return p
}

// fail notes mistakes of an included file.
func (c *Config) fail(file string, problems Problems) {
	i := slices.IndexFunc(c.bad, func(b BadFile) bool { return b.File == file })
	if i < 0 {
		i = len(c.bad)
		c.bad = append(c.bad, BadFile{File: file})
	}
	c.bad[i].Problems = append(c.bad[i].Problems, problems...)
}

// name notes where an account is. A name that another account has is a mistake of the file that is read later.
func (r *reading) name(a *Account, at toml.Key, where place) {
	if first, has := r.named[a.Name]; has {
		r.add(where, at.String(), fmt.Sprintf("an account of this name is in %s, line %d", first.file, first.line), "rename one of the two, or remove it")
		return
	}
	r.named[a.Name] = where
}

// setAside takes the accounts of bad files out.
func (c *Config) setAside() {
	if len(c.bad) == 0 {
		return
	}
	at := map[string]int{}
	for i := range c.bad {
		c.bad[i].Problems = c.bad[i].Problems.sorted()
		at[c.bad[i].File] = i
	}
	c.Accounts = slices.DeleteFunc(c.Accounts, func(a *Account) bool {
		i, bad := at[a.file]
		if bad {
			c.bad[i].Names = append(c.bad[i].Names, a.Name)
		}
		return bad
	})
}

// BadFiles are the mistakes of several files, as one error.
func BadFiles(bad []BadFile) error {
	var all Problems
	for _, b := range bad {
		all = append(all, b.Problems...)
	}
	if len(all) == 0 {
		return nil
	}
	return all
}
