package match

import (
	"fmt"
	"strings"
	"testing"

	"mailsync/internal/testkit/rows"

	"mailsync/state"
)

// alikeOfText reads "a1 100@5 live": mailbox a, UID 1, 100 octets, date 5, its file is here;
// "late" is of a mailbox that messages are likely to leave.
func alikeOfText(t *testing.T, s string) (all []Alike) {
	t.Helper()
	for _, w := range rows.Split(s) {
		a := Alike{Box: int(w[0][0] - 'a'), UID: rows.UID(t, w[0][1:])}
		if _, err := fmt.Sscanf(w[1], "%d@%d", &a.Size, &a.Date); err != nil {
			t.Fatal(err)
		}
		a.Status = state.Outstanding
		for _, x := range w[2:] {
			if x == "late" {
				a.Late = true
			} else {
				a.Status = rows.Status(t, x)
			}
		}
		all = append(all, a)
	}
	return all
}

func TestWhichFetchesWait(t *testing.T) {
	for _, c := range []struct{ name, all, groups, wait string }{
		{name: "nothing"},
		{name: "one alone", all: "a1 100@5"},
		{name: "in two mailboxes", all: "a1 100@5; b1 100@5", groups: "a1 b1", wait: "b1"},
		{name: "another size", all: "a1 100@5; b1 101@5"},
		{name: "another date", all: "a1 100@5; b1 100@6"},
		{name: "twice in one mailbox", all: "a1 100@5; a2 100@5"},
		{name: "twice in one, once in another", all: "b1 100@5; a2 100@5; b2 100@5", groups: "a2 b1 b2", wait: "b1 b2"},
		{name: "here", all: "a1 100@5; b7 100@5 live", groups: "b7 a1", wait: "a1"},
		{name: "here in the same mailbox only", all: "a1 100@5; a7 100@5 live"},
		{name: "here in the same mailbox, and new in another", all: "b1 100@5; b7 100@5 live; a1 100@5", groups: "b7 a1 b1", wait: "a1"},
		{name: "only here in the same mailbox", all: "b1 100@5; b7 100@5 only-here; a1 100@5", groups: "b7 a1 b1", wait: "a1"},
		{name: "in doubt in the same mailbox", all: "b1 100@5; b7 100@5 doubtful; a1 100@5; c1 100@5", groups: "a1 b1 b7 c1", wait: "c1"},
		{name: "all of it is here", all: "a1 100@5 live; b1 100@5 live"},
		{name: "where messages stay leads", all: "a1 100@5 late; b1 100@5 late; c1 100@5", groups: "c1 a1 b1", wait: "a1 b1"},
		{name: "what is here leads before that", all: "a1 100@5 late live; b1 100@5 late; c1 100@5", groups: "a1 c1 b1", wait: "b1 c1"},
		{name: "several groups, in order", all: "a1 200@5; b1 200@5; a2 100@9; b2 100@9; a3 100@8; c3 300@1", groups: "a2 b2 a1 b1", wait: "b1 b2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			all := alikeOfText(t, c.all)
			groups := Likeness(all)
			var got, waiting []string
			for _, a := range groups {
				got = append(got, fmt.Sprintf("%c%d", 'a'+a.Box, a.UID))
			}
			for box := range 3 {
				for uid := range 8 {
					for _, a := range all {
						if a.Box == box && int(a.UID) == uid && !a.Status.HasFile() && Waits(groups, box, a.Content()) {
							waiting = append(waiting, fmt.Sprintf("%c%d", 'a'+box, uid))
						}
					}
				}
			}
			if g, w := strings.Join(got, " "), strings.Join(waiting, " "); g != c.groups || w != c.wait {
				t.Errorf("groups %q, waiting %q; want %q, %q", g, w, c.groups, c.wait)
			}
		})
	}
}
