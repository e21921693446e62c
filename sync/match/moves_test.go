package match

import (
	"fmt"
	"strings"
	"testing"

	"mailsync/internal/testkit/rows"

	"mailsync/state"
	"mailsync/sync/plan"
)

// sideOf writes a mailbox in three columns for Moves: its base, and its files; "U1@b" is a
// file with the token of side b and UID 1.
func sideOf(t *testing.T, name, base, files string) Side {
	t.Helper()
	d := &state.DiskSnapshot{Scanned: true, Complete: true, Can: state.System}
	for _, f := range strings.Fields(files) {
		if f == "partial" {
			d.Complete = false
			continue
		}
		uid, owner, _ := strings.Cut(strings.TrimPrefix(f, "U"), "@")
		if owner == name {
			d.Messages = append(d.Messages, state.OnDisk{UID: rows.UID(t, uid), Variant: 1, Name: uint32(len(d.Names))})
			d.Names = append(d.Names, "cur/"+f+"\x00"...)
		} else {
			d.Foreign = append(d.Foreign, state.Foreign{Token: owner, UID: rows.UID(t, uid), Name: "cur/" + f})
		}
	}
	return Side{World: plan.World{Base: rows.Records(t, base), Disk: d}, Token: name}
}

// told says what was asked: "1 id2 <m>" is UID 1 with EMAILID id2 and Message-ID <m>; "-" is none.
func told(t *testing.T, s string) map[state.UID]Asked {
	t.Helper()
	of := map[state.UID]Asked{}
	for _, w := range rows.Split(s) {
		uid := rows.UID(t, w[0])
		of[uid] = Asked{Ident: state.Ident{UID: uid, EmailID: strings.Trim(w[1], "-"), MessageID: w[2]}}
		if len(w) > 3 {
			one := of[uid]
			one.Digest[0] = w[3][0]
			of[uid] = one
		}
	}
	return of
}

func TestMoves(t *testing.T) {
	for _, c := range []struct {
		name                     string
		baseA, filesA, wentA     string
		baseB, filesB, cameB     string
		want, copies, candidates string
	}{
		{name: "moved on the server", baseA: "1 gone S", filesA: "U1@a", wentA: "1 - <m>", baseB: "5 outstanding S", cameB: "5 - <m>",
			want: "a1 to b5: cur/U1@a in a", candidates: "a1 b5"},
		{name: "another Message-ID", baseA: "1 gone S", filesA: "U1@a", wentA: "1 - <m>", baseB: "5 outstanding S", cameB: "5 - <n>", candidates: "a1 b5"},
		{name: "by id, whatever the Message-ID", baseA: "1 gone S", filesA: "U1@a", wentA: "1 x <m>", baseB: "5 outstanding S", cameB: "5 x <n>",
			want: "a1 to b5: cur/U1@a in a, sure", candidates: "a1 b5"},
		{name: "by id, and of another size", baseA: "1 gone S", filesA: "U1@a", wentA: "1 x <m>", baseB: "5 outstanding S size=99", cameB: "5 x <m>"},
		{name: "another id, equal otherwise", baseA: "1 gone S", filesA: "U1@a", wentA: "1 x <m>", baseB: "5 outstanding S", cameB: "5 y <m>", candidates: "a1 b5"},
		{name: "equal ones pair in UID order", baseA: "1 gone S; 2 gone S", filesA: "U1@a U2@a", wentA: "1 - <m>; 2 - <m>",
			baseB: "5 outstanding S; 6 outstanding S", cameB: "5 - <m>; 6 - <m>",
			want: "a1 to b5: cur/U1@a in a; a2 to b6: cur/U2@a in a", candidates: "a1 a2 b5 b6"},
		{name: "one came, two went", baseA: "1 gone S; 2 gone S", filesA: "U1@a U2@a", wentA: "1 - <m>; 2 - <m>", baseB: "5 outstanding S", cameB: "5 - <m>",
			want: "a1 to b5: cur/U1@a in a", candidates: "a1 a2 b5"},
		{name: "nothing came", baseA: "1 gone S", filesA: "U1@a"},
		{name: "nothing went", baseA: "1 live S", filesA: "U1@a", baseB: "5 outstanding S"},
		{name: "it was here before", baseA: "1 gone S", filesA: "U1@a", baseB: "5 live S", filesB: "U5@b"},
		{name: "moved here", baseA: "1 live S", filesB: "U1@a", want: "a1 to b: cur/U1@a in b, sure"},
		{name: "moved here, kept away before", baseA: "1 kept-away S", filesB: "U1@a", want: "a1 to b: cur/U1@a in b, sure"},
		{name: "moved here, not fetched before", baseA: "1 outstanding S", filesB: "U1@a", want: "a1 to b: cur/U1@a in b, sure"},
		{name: "a copy", baseA: "1 live S", filesA: "U1@a", filesB: "U1@a", copies: "b cur/U1@a"},
		{name: "not in a Maildir that changes", baseA: "1 live S", filesA: "partial", filesB: "U1@a"},
		{name: "moved here, expunged there", baseA: "1 gone S", filesB: "U1@a", copies: "b cur/U1@a"},
		{name: "moved here and there", baseA: "1 gone S", filesB: "U1@a", wentA: "1 - <m>", baseB: "5 outstanding S", cameB: "5 - <m>",
			want: "a1 to b5: cur/U1@a in b", candidates: "a1 b5"},
		{name: "of a message that nobody knows", filesB: "U1@a", copies: "b cur/U1@a"},
		{name: "of an archived message", baseA: "1 archived S", filesB: "U1@a"},
		{name: "of a message that is released", baseA: "1 released S", filesB: "U1@a"},
		{name: "of another account", filesB: "U1@z"},
		{name: "carried by a run that broke off", baseA: "1 gone S", wentA: "1 - - D", baseB: "5 outstanding S", filesB: "U5@b", cameB: "5 - <m> D",
			want: "a1 to b5:  in b", candidates: "a1 b5"},
		{name: "another file is there already", baseA: "1 gone S", wentA: "1 - - D", baseB: "5 outstanding S", filesB: "U5@b", cameB: "5 - <m> E", candidates: "a1 b5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			sides := []Side{sideOf(t, "a", c.baseA, c.filesA), sideOf(t, "b", c.baseB, c.filesB)}
			went, came := Candidates(sides, false)
			var asked []string
			for i, of := range [][]map[state.UID]Located{went, came} {
				for j, uids := range of {
					for uid := range state.UID(10) {
						if _, is := uids[uid]; is && i == j {
							asked = append(asked, fmt.Sprint(sides[j].Token, uid))
						}
					}
				}
			}
			if got := strings.Join(asked, " "); got != c.candidates {
				t.Errorf("asked about %q, want %q", got, c.candidates)
			}
			sides[0].Gone, sides[1].New = told(t, c.wentA), told(t, c.cameB)
			moves := Moves(sides)
			var got []string
			for _, m := range moves {
				s := fmt.Sprintf("%s%d to %s", sides[m.From].Token, m.UID, sides[m.To].Token)
				if m.NewUID != 0 {
					s += fmt.Sprint(m.NewUID)
				}
				s += fmt.Sprintf(": %s in %s", m.Name, sides[m.In].Token)
				if m.Sure {
					s += ", sure"
				}
				got = append(got, s)
			}
			if got := strings.Join(got, "; "); got != c.want {
				t.Errorf("moves\n got %q\nwant %q", got, c.want)
			}
			var copies []string
			for _, f := range Copies(sides, moves) {
				copies = append(copies, sides[f.In].Token+" "+f.Name)
			}
			if got := strings.Join(copies, "; "); got != c.copies {
				t.Errorf("copies\n got %q\nwant %q", got, c.copies)
			}
		})
	}
}
