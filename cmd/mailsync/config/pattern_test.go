package config

import (
	"strings"
	"testing"
	"time"
)

func TestPatternMatch(t *testing.T) {
	for _, c := range []struct {
		pattern string
		yes, no []string // levels divided by "|"
	}{
		{"*", []string{"INBOX", "a|b|c", "a/b"}, nil},
		{"%", []string{"INBOX", "a", "a/b"}, []string{"a|b"}},
		{"Lists/*", []string{"Lists|go", "Lists|go|dev"}, []string{"Lists", "lists|go", "Listsgo"}},
		{"Lists/%", []string{"Lists|go"}, []string{"Lists|go|dev", "Lists"}},
		{"%/2024", []string{"Archive|2024"}, []string{"2024", "a|b|2024"}},
		{"*/2024", []string{"Archive|2024", "a|b|2024"}, []string{"2024"}},
		{"a*c", []string{"ac", "abc", "a|c"}, []string{"ab", "xac"}},
		{"inbox", []string{"INBOX", "Inbox"}, []string{"a|INBOX"}},
		{"InBox/x", []string{"INBOX|x", "inbox|x"}, []string{"INBOX|X"}},
		{"Entwürfe", []string{"Entwürfe"}, []string{"Entwurfe"}},
		{"a/b", []string{"a|b"}, []string{"a/b"}}, // a level may hold "/" where the server divides by "."
		{"%a%a%a%a%a%a%a%a%a%b", nil, []string{strings.Repeat("a", 3000)}},
	} {
		p, err := ParsePattern(c.pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range c.yes {
			if !p.Match(strings.Split(name, "|"), "") {
				t.Errorf("%q does not match %q", c.pattern, name)
			}
		}
		for _, name := range c.no {
			if p.Match(strings.Split(name, "|"), "") {
				t.Errorf("%q matches %q", c.pattern, name)
			}
		}
	}
}

func TestRolePattern(t *testing.T) {
	p, err := ParsePattern("role:junk")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Match([]string{"Spam"}, "junk") || p.Match([]string{"junk"}, "") || p.Match([]string{"x"}, "trash") {
		t.Error("role:junk is not exactly the mailbox with the role junk")
	}
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "10m": 10 * time.Minute, "6h": 6 * time.Hour,
		"14d": 336 * time.Hour, "8w": 1344 * time.Hour, "1y": 8760 * time.Hour, "0s": 0} {
		if got, err := ParseDuration(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "s", "1", "1.5h", "1h30m", "-1s", "+1s", "1 s", "1ms", "1S", "300y", "99999999999999999999s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "300": 300, "1K": 1024, "20M": 20 << 20, "1.5G": 3 << 29, "2T": 2 << 40} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "M", "1MB", "-1", "+1", "1e3", "0x10", "NaN", "Inf", "1_000", "1.2.3", "1 M", "9000000T"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"host", "port", "max_size", "max_wait"}
	for word, want := range map[string]string{"hots": "host", "hosts": "host", "Port": "port", "max_siez": "max_size",
		"xyzzy": "", "": "", "p": ""} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%q is taken for %q, want %q", word, got, want)
		}
	}
}
