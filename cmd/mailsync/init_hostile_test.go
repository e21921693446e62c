package main

import (
	"slices"
	"strings"
	"testing"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
)

// A server may call its mailboxes what it likes: to leave one out never leaves out another.
func TestMailboxesThatLookLikePatterns(t *testing.T) {
	all := []state.Listed{{Levels: []string{"INBOX"}}}
	for _, name := range []string{"*", "%", "100%", "1000", "role:junk", "role:x", "a/b", "c\x1bd", "e\"\n[accounts.evil]", "x*y"} {
		all = append(all, state.Listed{Levels: []string{name}})
	}
	all = append(all, state.Listed{Levels: []string{"Deep", "*"}}, state.Listed{Levels: []string{"Deep", "inside"}}, state.Listed{Levels: []string{"inbox"}})
	for i := range all {
		out := make([]bool, len(all))
		out[i] = true
		exclude, no, err := patterns([]string{"role:trash"}, all, out)
		if err != nil {
			t.Fatal(err)
		}
		if len(exclude)+len(no) != 2 || exclude[0] != "role:trash" {
			t.Errorf("%q: exclude %q, not %q", all[i].Levels, exclude, no)
		}
		if len(no) == 1 && !strings.ContainsAny(strings.Join(all[i].Levels, ""), "*%") && !strings.EqualFold(all[i].Levels[0], "INBOX") {
			t.Errorf("%q could not be left out", all[i].Levels)
		}
		var p config.Patterns
		for _, text := range exclude {
			one, err := config.ParsePattern(text)
			if err != nil {
				t.Fatalf("%q: %v", text, err)
			}
			p.Exclude = append(p.Exclude, one)
		}
		for j, l := range all {
			left := slices.ContainsFunc(p.Exclude, func(x config.Pattern) bool { return x.Match(l.Levels, l.Role) })
			if left && j != i {
				t.Errorf("%q leaves out %q", exclude, l.Levels)
			}
		}
	}
}
