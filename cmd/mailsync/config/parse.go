package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/BurntSushi/toml"
)

// reading is a configuration that is read.
type reading struct {
	env       func(string) string
	meta      toml.MetaData // of the file that is read now
	main, own *source       // the main file, and the one that is read now
	problems  Problems
	roots     map[rootKey]place // where the trees of all accounts are set
	named     map[string]place  // where all accounts are

	account  *Account // whose keys are read now
	protocol string   // the account's; "" while the defaults are read for themselves
	began    int      // how many problems there were before it
	keys     [tables][]key
	from     *source          // the file of the key that is read now
	keyring  bool             // the account's password_keyring
	set      map[string]place // where the account's keys are
	tried    map[string]bool  // keys that the account has, or probably meant
}

// begin makes an account the one whose keys are read now.
func (r *reading) begin(a *Account) {
	r.account, r.began, r.keys, r.keyring = a, len(r.problems), [tables][]key{}, false
	r.set, r.tried = map[string]place{}, map[string]bool{}
}

// table is a TOML table whose values are still to be decoded.
type table map[string]toml.Primitive

func (t table) has(name string) bool {
	_, has := t[name]
	return has
}

// Parse reads a configuration from text. file and mode are those it was read from, and env
// looks variables up.
func Parse(file, text string, mode fs.FileMode, env func(string) string) (*Config, error) {
	c, err := parseAny(file, text, mode, env)
	if err != nil || len(c.Accounts) > 0 {
		return c, err
	}
	if err := BadFiles(c.bad); err != nil {
		return nil, err
	}
	none := Problem{file, 0, "", "configures no account", `"mailsync init" adds one`}
	if len(c.empty) > 0 {
		none.Cure = "no file matches " + strings.Join(c.empty, ", ")
	}
	return nil, Problems{none}
}

// parseAny is Parse for a file that may have no account yet.
func parseAny(file, text string, mode fs.FileMode, env func(string) string) (*Config, error) {
	r := &reading{env: env, roots: map[rootKey]place{}, named: map[string]place{}}
	top, err := r.decode(file, text, mode)
	if err != nil {
		return nil, err
	}
	r.main = r.own
	c := &Config{Path: file}
	defaults, patterns := r.tables(top)
	r.checkDefaults(defaults)
	c.defaults, c.sets = r.account, slices.Collect(maps.Keys(defaults))
	c.Accounts = r.accounts(top, defaults)
	if len(r.problems) == 0 {
		r.includeAll(c, patterns, defaults)
	}
	c.setAside()
	for _, clash := range r.clashes(c.Accounts) {
		if clash.of.file == "" {
			r.problems = append(r.problems, clash.Problem)
		} else {
			c.fail(clash.of.file, Problems{clash.Problem})
		}
	}
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	c.setAside()
	return c, nil
}

// decode begins to read a file: it becomes the one that is read now.
func (r *reading) decode(file, text string, mode fs.FileMode) (top table, err error) {
	if r.meta, err = toml.Decode(text, &top); err != nil {
		return nil, Problems{syntax(file, err)}
	}
	r.own = newSource(file, mode, r.meta)
	return top, nil
}

// accounts reads the accounts of the file that is read now.
func (r *reading) accounts(top, defaults table) (all []*Account) {
	prim, ok := top["accounts"]
	if !ok {
		return nil
	}
	at := toml.Key{"accounts"}
	accounts, _ := r.table(prim, at)
	for _, name := range r.order(accounts, at) {
		all = append(all, r.readAccount(name, accounts[name], defaults))
	}
	return all
}

func syntax(file string, err error) Problem {
	p := Problem{File: file, What: err.Error()}
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		p.Line, p.Key, p.What = parse.Position.Line, parse.LastKey, parse.Message
		p.Cure = syntaxCure(p.What)
	}
	return p
}

// syntaxCure is what to do about a text that is not TOML, by the words of the library.
func syntaxCure(what string) string {
	switch {
	case strings.Contains(what, "invalid UTF-8"), strings.Contains(what, "UTF-16"):
		return "save the file as UTF-8"
	case strings.ContainsAny(what, "“”„‘’"):
		return `use straight quotes: "…"`
	case strings.Contains(what, "already been defined"):
		return "keep one of the two"
	case strings.Contains(what, "hexadecimal digits"), strings.Contains(what, "escape"):
		return `in "…" a backslash is special; write '…', or two backslashes`
	}
	return "this is not valid TOML; strings need quotes, lists brackets, and a table's name [brackets]"
}

// tables reads the top of the file, where two tables and a list of more files may be, and returns the defaults and the list.
func (r *reading) tables(top table) (defaults table, include []pattern) {
	for _, name := range r.order(top, nil) {
		at := toml.Key{name}
		switch name {
		case "accounts":
		case "defaults":
			defaults, _ = r.table(top[name], at)
		case "include":
			include = r.include(top[name], at)
		default:
			cure := didYouMean(name, []string{"accounts", "defaults", "include"})
			switch {
			case cure != "":
			case find(accountKeys(&Account{}), name) != nil:
				cure = "it belongs into [defaults] or into an account"
			default:
				cure = "a file has [defaults] and one [accounts.NAME] for each account"
			}
			r.add(r.place(at), name, "unknown key", cure)
		}
	}
	return defaults, include
}

func (r *reading) table(prim toml.Primitive, at toml.Key) (table, bool) {
	var t table
	var value any
	err := r.meta.PrimitiveDecode(prim, &value)
	if _, ok := value.(map[string]any); err != nil || !ok || r.meta.PrimitiveDecode(prim, &t) != nil {
		r.add(r.place(at), at.String(), "wants a table", fmt.Sprintf("write [%v] on a line of its own", at))
		return nil, false
	}
	return t, true
}

// checkDefaults reads the defaults once for themselves, so that a mistake in one that every
// account overrides is found too.
func (r *reading) checkDefaults(defaults table) {
	r.begin(fresh("account"))
	r.readTable(defaults, toml.Key{"defaults"})
	r.oneSource(defaults, toml.Key{"defaults"})
}

// readAccount reads one account: the defaults it does not override, then its own keys,
// then what must be true of them together.
func (r *reading) readAccount(name string, prim toml.Primitive, defaults table) *Account {
	a := fresh(name)
	r.begin(a)
	at := toml.Key{"accounts", name}
	line := r.place(at)
	r.name(a, at, line)
	if !GoodName(name) {
		r.add(line, at.String(), "is not a valid account name",
			"use letters, digits and . _ + @ -, and begin with a letter or a digit")
	}
	own, ok := r.table(prim, at)
	if !ok {
		return a
	}
	r.protocol = r.protocolOf(defaults, own)
	r.readTable(r.inherited(defaults, own), toml.Key{"defaults"})
	r.readTable(own, at)
	r.oneSource(own, at)
	r.tokens(own, at, line)
	r.checkAccount(at, line)
	return a
}

// inherited returns the defaults that an account does not override. With a password source of
// its own it takes none of theirs, and it takes no key of the other protocol.
func (r *reading) inherited(defaults, own table) table {
	keys := r.keysOf(accountTable)
	ownSource := slices.ContainsFunc(keys, func(k key) bool { return k.source && own.has(k.name) })
	out := table{}
	for name, prim := range defaults {
		if sub := subTable(name); sub != accountTable {
			if sub == oauthTable || r.protocol != "pop3" {
				out[name] = prim // its keys are overridden one by one
			}
			continue
		}
		k := find(keys, name)
		if own.has(name) || k != nil && (k.source && ownSource || k.only != "" && k.only != r.protocol) {
			continue
		}
		out[name] = prim
	}
	return out
}

// protocolOf returns the protocol that the account will have, before its keys are read.
func (r *reading) protocolOf(defaults, own table) string {
	for _, t := range []table{own, defaults} {
		var s string
		if prim, ok := t["protocol"]; ok && r.meta.PrimitiveDecode(prim, &s) == nil {
			return s
		}
	}
	return "imap"
}

// readTable reads every key of one table into the account.
func (r *reading) readTable(t table, at toml.Key) {
	which := subTable(at[len(at)-1])
	if len(at) < 2 || len(at) == 2 && at[0] != "defaults" { // an account may have the name of a table
		which = accountTable
	}
	keys := r.keysOf(which)
	for _, name := range r.order(t, at) {
		prim, key := t[name], below(at, name)
		r.tried[name] = true
		if subTable(name) != accountTable && which == accountTable {
			if sub, ok := r.table(prim, key); ok {
				r.readTable(sub, key)
			}
			continue
		}
		if k := find(keys, name); k != nil {
			r.readKey(k, prim, key)
			continue
		}
		r.tried[Nearest(name, names(keys))] = true
		r.add(r.place(key), key.String(), "unknown key", unknownCure(name, names(keys)))
	}
}

func unknownCure(name string, keys []string) string {
	cure := didYouMean(name, keys)
	switch {
	case cure != "":
	case find(archiveKeys(&Archive{}), name) != nil:
		cure = "it belongs into the account's table .archive"
	case find(oauthKeys(&OAuth{}), name) != nil:
		cure = "it belongs into the account's table .oauth2"
	case find(accountKeys(&Account{}), name) != nil:
		cure = "it belongs into the account's own table"
	default:
		cure = "the keys are " + strings.Join(keys, ", ")
	}
	return cure
}

func (r *reading) readKey(k *key, prim toml.Primitive, key toml.Key) {
	line, at := r.place(key), key.String()
	r.set[k.name] = line
	if isRoot(k.name) {
		r.roots[rootKey{r.account, k.name}] = line
	}
	r.from = r.source(key)
	if k.only != "" && r.protocol != "" && k.only != r.protocol {
		r.add(line, at, fmt.Sprintf("is for %s accounts only", strings.ToUpper(k.only)), "take it out")
		return
	}
	var value any
	err := r.meta.PrimitiveDecode(prim, &value)
	if err == nil {
		err = k.read(r, value)
	}
	if err == nil {
		return
	}
	if _, ok := errors.AsType[wrongType](err); ok {
		r.add(line, at, err.Error(), fmt.Sprintf("for example: %s = %s", k.name, k.example))
		return
	}
	for what := range strings.SplitSeq(err.Error(), "\n") {
		what, cure, _ := strings.Cut(what, "; ")
		r.add(line, at, what, cure)
	}
}

// path reads a path of the account.
func (r *reading) path(value any) (string, error) {
	s, err := line(value)
	if err != nil {
		return "", err
	}
	return expand(s, r.account.Name, r.env)
}

func (r *reading) add(at place, key, what, cure string) {
	r.problems = append(r.problems, Problem{at.file, at.line, key, what, cure})
}

// GoodName reports whether an account may have a name: it can be used on a command line and in a path.
func GoodName(name string) bool {
	for i, c := range name {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) && (i == 0 || !strings.ContainsRune("._+@-", c)) {
			return false
		}
	}
	return name != ""
}

// checkAccount checks what must be true of an account's keys together.
func (r *reading) checkAccount(table toml.Key, line place) {
	a, at, keys := r.account, table.String(), r.keysOf(accountTable)
	need := func(name string, has bool) {
		if !has && !r.tried[name] {
			r.add(line, at, name+" is missing", fmt.Sprintf("for example: %s = %s", name, find(keys, name).example))
		}
	}
	need("host", a.Host != "")
	need("user", a.User != "")
	need("maildir", a.Maildir != "")
	if r.keyring {
		a.Password.Keyring = a.User + "@" + a.Host
	}
	tried := func(k key) bool { return k.source && r.tried[k.name] }
	if a.Auth != "oauth2" && a.Password.None() && len(a.TunnelCommand) == 0 && !slices.ContainsFunc(keys, tried) {
		r.add(line, at, "has no password", "set password_command, password_file, password_env, password_keyring, password_credential, or password"+
			` (for example: password_command = ["pass", "show", "mail/work"])`)
	}
	if a.Port == 0 {
		a.Port = DefaultPort(a.Protocol, a.TLS)
	}
	r.checkWay(at)
}

// oneSource reports a table that names several places for one password.
func (r *reading) oneSource(t table, at toml.Key) {
	var set []string
	var line place
	keys := r.keysOf(accountTable)
	for _, name := range r.order(t, at) {
		if k := find(keys, name); k != nil && k.source && !r.isFalse(t[name]) {
			set = append(set, name)
			line = r.place(below(at, name))
		}
	}
	if len(set) > 1 {
		r.add(line, at.String(), "has several passwords: "+strings.Join(set, ", "), "keep one of them")
	}
}

// isFalse reports whether a value is false: such a source is not set.
func (r *reading) isFalse(prim toml.Primitive) bool {
	var yes bool
	return r.meta.PrimitiveDecode(prim, &yes) == nil && !yes
}
