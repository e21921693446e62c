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
