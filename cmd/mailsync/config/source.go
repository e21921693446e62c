package config

import (
	"io/fs"
	"reflect"

	"github.com/BurntSushi/toml"
)

// source is one file of a configuration, and where its keys are in it.
type source struct {
	file  string
	mode  fs.FileMode
	below map[string][]string // by a table's key: the names in it, in the order of the file
	keys  reflect.Value       // by key: what the TOML library keeps of it
}

// place is where something is in a configuration.
type place struct {
	file string // "" where it is in an account that is not written yet
	line int    // 0 where it has none
}

func newSource(file string, mode fs.FileMode, meta toml.MetaData) *source {
	s := &source{file: file, mode: mode, below: map[string][]string{}}
	// The library reports a line only with an error, and copies the whole file for each: for a large configuration that is
	// most of the time that reading it takes.
	s.keys = reflect.ValueOf(meta).FieldByName("keyInfo")
	seen := map[string]bool{}
	for _, key := range meta.Keys() {
		at := ""
		for i := range key {
			own := key[:i+1].String()
			if !seen[own] {
				seen[own] = true
				s.below[at] = append(s.below[at], key[i])
			}
			at = own
		}
	}
	return s
}

// place finds where a key is. A table without a line of its own is where its first key is.
func (s *source) place(key toml.Key) place {
	return place{s.file, s.line(key)}
}

func (s *source) line(key toml.Key) int {
	text := key.String()
	if line := s.own(text); line > 0 {
		return line
	}
	first := 0
	for _, name := range s.below[text] {
		if at := s.line(append(key[:len(key):len(key)], name)); first == 0 || at > 0 && at < first {
			first = at
		}
	}
	return first
}

// own is the line that the library has of a key, 0 where it has none. Another version of it may keep lines in another way: mistakes
// are without a line then.
func (s *source) own(key string) int {
	if s.keys.Kind() != reflect.Map || s.keys.Type().Key().Kind() != reflect.String {
		return 0
	}
	line := field(field(s.keys.MapIndex(reflect.ValueOf(key)), "pos"), "Line")
	if !line.CanInt() {
		return 0
	}
	return int(line.Int())
}

// field is a field of a struct, no value where there is none.
func field(v reflect.Value, name string) reflect.Value {
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	return v.FieldByName(name)
}

// source is the file that a key is in: [defaults] are those of the main file, for the accounts of every file.
func (r *reading) source(key toml.Key) *source {
	if len(key) > 0 && key[0] == "defaults" {
		return r.main
	}
	return r.own
}

// place is where a key is.
func (r *reading) place(key toml.Key) place { return r.source(key).place(key) }

// order returns a table's keys in the order of the file.
func (r *reading) order(t table, at toml.Key) []string {
	all := r.source(at).below[at.String()]
	out := make([]string, 0, len(t))
	for _, name := range all {
		if t.has(name) {
			out = append(out, name)
		}
	}
	return out
}

// below is a key in the table at.
func below(at toml.Key, name string) toml.Key { return append(at[:len(at):len(at)], name) }
