package secret

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for line, want := range map[string][]string{
		`pass show mail/work`:             {"pass", "show", "mail/work"},
		"  pass\t show  \n":               {"pass", "show"},
		`a 'b c' "d e"`:                   {"a", "b c", "d e"},
		`a b\ c`:                          {"a", "b c"},
		`a '' ""`:                         {"a", "", ""},
		`a'b'"c"d`:                        {"abcd"},
		`sh -c 'echo $X | head'`:          {"sh", "-c", "echo $X | head"},
		`a "b\"c" "\x" '\x'`:              {"a", `b"c`, `\x`, `\x`},
		`a "\$b" \$c`:                     {"a", "$b", "$c"},
		`security find -s a#b u~v`:        {"security", "find", "-s", "a#b", "u~v"},
		`secret-tool lookup user a@b.c=%`: {"secret-tool", "lookup", "user", "a@b.c=%"},
	} {
		got, err := Words(line)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v; want %q", line, got, err, want)
		}
	}
	for line, want := range map[string]string{
		"":           "names no program",
		"''":         "names no program",
		"a 'b":       "not closed",
		`a "b`:       "not closed",
		`a \`:        "quotes nothing",
		"a | head":   "no shell is used",
		"a $HOME":    "no shell is used",
		`a "$HOME"`:  "no shell is used",
		"a > b":      "no shell is used",
		"~/bin/pw":   "no shell is used",
		"pw `date`":  "no shell is used",
		"pw; rm x":   "no shell is used",
		"pw && true": "no shell is used",
	} {
		if got, err := Words(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want an error with %q", line, got, err, want)
		}
	}
}
