package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"mailsync/state"
	"mailsync/sync/port"
)

// What a pattern meant and the configuration leaves out is named, whether it was meant by name or by role.
func TestAPatternThatMeansWhatIsLeftOut(t *testing.T) {
	for _, pattern := range []string{"Deleted*", "role:trash"} {
		p := &picking{}
		p.flag(&cobra.Command{})
		if err := p.add(pattern); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"Deleted of old", "Deleted Items"} {
			if p.among([]string{name}, "trash", false) {
				t.Errorf("%s picks %s", pattern, name)
			}
		}
		p.among([]string{"INBOX"}, "", true)
		p.known(&port.Result{})
		wrong := p.missed(1)
		if len(wrong) != 1 || !strings.HasPrefix(state.HintOf(wrong[0]), `"Deleted Items" exists, but the configuration excludes it`) {
			t.Errorf("%s: %v, hint %q", pattern, wrong, state.HintOf(wrong[0]))
		}
	}
}

// What a pattern meant may be what another pattern matched.
func TestAPatternThatMeansWhatAnotherMatches(t *testing.T) {
	p := &picking{}
	p.flag(&cobra.Command{})
	for _, pattern := range []string{"Inbx", "INBOX"} {
		if err := p.add(pattern); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Archive", "INBOX", "Sent"} {
		p.among([]string{name}, "", true)
	}
	p.known(&port.Result{})
	if wrong := p.missed(1); len(wrong) != 1 || state.HintOf(wrong[0]) != `did you mean "INBOX"?` {
		t.Errorf("%v", wrong)
	}
}
