package config

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// Every key has a line of help that fits a screen, and the default that it names is the default.
func TestEveryKeyHasHelp(t *testing.T) {
	seen := 0
	for _, s := range Sections() {
		for _, d := range s.Keys {
			seen++
			switch {
			case d.Meaning == "":
				t.Errorf("%s: %s has no meaning: give it one in doc.go", s.Table, d.Name)
			case strings.Contains(d.Meaning, "\n") || utf8.RuneCountInString(d.Meaning) > 74:
				t.Errorf("%s: the meaning of %s is longer than a line", s.Table, d.Name)
			}
			if d.Kind == "" || slices.Contains([]string{"a table", "?"}, d.Kind) {
				t.Errorf("%s: what kind of value is %s?", s.Table, d.Name)
			}
		}
	}
	if seen != len(meanings()) {
		t.Errorf("doc.go has %d meanings, and there are %d keys", len(meanings()), seen)
	}
}

// A default is what an account has whose file does not set the key.
func TestDefaultsInHelpAreTrue(t *testing.T) {
	for _, of := range []struct {
		table string
		keys  func(*Account) []key
	}{
		{"", accountKeys},
		{"archive.", func(a *Account) []key { return archiveKeys(a.archive()) }},
		{"oauth2.", func(a *Account) []key { return oauthKeys(a.oauth()) }},
	} {
		for i, k := range of.keys(fresh("work")) {
			value := meanings()[of.table+k.name].value
			if value == "" {
				continue
			}
			var doc map[string]any
			if _, err := toml.Decode("x = "+value, &doc); err != nil {
				t.Fatalf("%s: %v", k.name, err)
			}
			was, is := fresh("work"), fresh("work")
			of.keys(was)
			err := of.keys(is)[i].read(&reading{account: is, env: os.Getenv}, doc["x"])
			if err != nil {
				t.Errorf("%s: %v", k.name, err)
			}
			if !alike(was, is) {
				t.Errorf("%s%s = %s is not the default: %+v, %+v", of.table, k.name, value, was, is)
			}
		}
	}
}

// alike compares accounts; an empty list is none.
func alike(a, b *Account) bool {
	one, other := *a, *b
	for _, x := range []*Account{&one, &other} {
		if len(x.Mailboxes.Exclude) == 0 {
			x.Mailboxes.Exclude = nil
		}
	}
	return reflect.DeepEqual(one, other)
}

// What a key takes is found out from its own errors.
func TestKindsOfKeys(t *testing.T) {
	want := map[string]string{
		"protocol": `"imap" or "pop3"`, "host": "string", "port": "whole number", "tls_ca": "path", "tls_pins": "list of strings",
		"insecure": "true or false", "timeout": "duration", "max_size": "size", "delete": `"never", "fetched" or an age like "14d"`,
		"maildir": "path", "password_command": "list of strings", "password_keyring": "true or false",
	}
	for _, d := range Sections()[0].Keys {
		if w, ok := want[d.Name]; ok && d.Kind != w {
			t.Errorf("%s: %q, want %q", d.Name, d.Kind, w)
		}
	}
}
