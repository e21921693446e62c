package config

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"mailsync/state"
)

// Draft is a configuration file to which an account is to be added. What is in it stays as it is, to the
// last byte.
type Draft struct {
	Path   string
	Exists bool
	Config *Config // as it is now; it may have no account

	text string
	mode fs.FileMode
}

// OpenDraft reads a configuration file, which need not exist. One with mistakes is an error, as it is for
// Load: nobody can say what an account would become in it.
func OpenDraft(path string, env func(string) string) (*Draft, error) {
	d := &Draft{Path: path, Exists: true}
	var err error
	d.text, d.mode, err = readFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.Exists, d.mode = false, 0o600
	case err != nil:
		return nil, unreadable(path, err)
	}
	if d.Config, err = parseAny(path, d.text, d.mode, env); err == nil {
		err = BadFiles(d.Config.bad)
	}
	return d, err
}

// Has reports whether there is an account of a name.
func (d *Draft) Has(name string) bool {
	return slices.ContainsFunc(d.Config.Accounts, func(a *Account) bool { return a.Name == name })
}

// Same returns the account that has this protocol, server and user already; nil: none has.
func (d *Draft) Same(protocol, host, user string) *Account {
	for _, a := range d.Config.Accounts {
		if a.Protocol == protocol && strings.EqualFold(a.Host, host) && a.User == user {
			return a
		}
	}
	return nil
}

// Defaults is what an account is by [defaults] alone. What it does not set there is as it always is.
func (d *Draft) Defaults() *Account { return d.Config.defaults }

// Sets reports whether [defaults] has one of some keys. A new account that leaves them out gets what they say.
func (d *Draft) Sets(keys ...string) bool {
	return slices.ContainsFunc(keys, func(k string) bool { return slices.Contains(d.Config.sets, k) })
}

// With is the file with an account's table added, which table makes: a line for each key. The line ends
// are those of the file.
func (d *Draft) With(table string) string {
	end := "\n"
	if strings.Contains(d.text, "\r\n") {
		end, table = "\r\n", strings.ReplaceAll(table, "\n", "\r\n")
	}
	text := d.text
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += end
	}
	if text != "" {
		text += end
	}
	return text + table
}

// Read reads the file with an account's table added, and returns the account. Its mistakes are returned as
// Problems: a folder that is another account's, a value that cannot be.
func (d *Draft) Read(name, table string, env func(string) string) (*Account, error) {
	c, err := parseAny(d.Path, d.With(table), d.mode, env)
	if problems, ok := err.(Problems); ok {
		return nil, d.problems(problems)
	}
	if err == nil {
		err = BadFiles(c.bad) // included files have none but for what the new account is
	}
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(c.Accounts, func(a *Account) bool { return a.Name == name })
	if len(c.Accounts) == len(d.Config.Accounts)+1 && at >= 0 && !d.Has(name) {
		return c.Accounts[at], nil
	}
	return nil, state.Faultf(state.Usage, "%s cannot be added to %s: it would change an account that is there", name, d.Path).
		WithHint("choose another name with --account")
}

// problems are those of the file with the new account. A line that the file does not have yet is not named:
// nobody finds it there.
func (d *Draft) problems(all Problems) Problems {
	lines := strings.Count(d.With(""), "\n")
	for i, p := range all {
		if p.File == d.Path && (p.Line > lines || p.Line == 0) {
			all[i].File, all[i].Line = "", 0
		}
	}
	return all
}
