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
		"a | head":   "there is none",
		"a $HOME":    "there is none",
		`a "$HOME"`:  "there is none",
		"a > b":      "there is none",
		"~/bin/pw":   "there is none",
		"pw `date`":  "there is none",
		"pw; rm x":   "there is none",
		"pw && true": "there is none",
	} {
		if got, err := Words(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v; want an error with %q", line, got, err, want)
		}
	}
}
