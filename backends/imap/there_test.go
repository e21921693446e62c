package imap

import (
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// silentSearch answers a SEARCH that finds nothing with these lines alone.
func silentSearch(acct *script.Account, lines ...string) script.Answers {
	return script.Answers{"UID SEARCH": func(p *script.Peer, cmd script.Command) bool {
		acct.Lock()
		defer acct.Unlock()
		set := strings.TrimPrefix(cmd.Args, "UID ")
		for _, m := range acct.Mailbox("INBOX").Messages {
			var r ranges
			for part := range strings.SplitSeq(set, ",") {
				r.add(part)
			}
			if r.sort(); r.has(state.UID(m.UID)) {
				return false
			}
		}
		return answer(lines...)(p, cmd)
	}}
}

// An expunge or a move that is done is done, however the server words that it finds nothing
// any more.
func TestGoneWhereSearchIsSilent(t *testing.T) {
	for _, c := range []struct {
		name  string
		caps  string
		lines []string
		trash string
		uids  []state.UID
		empty bool // nothing is left in the mailbox
	}{
		{"only OK", "UIDPLUS", []string{"$tag OK done"}, "", uids(1, 2), false},
		{"only OK, the mailbox is empty", "UIDPLUS", []string{"$tag OK done"}, "", uids(1, 2, 3, 4, 5), true},
		{"only OK, the last one", "UIDPLUS", []string{"$tag OK done"}, "", uids(5), false},
		{"NO", "UIDPLUS", []string{"$tag NO nothing matches"}, "", uids(1, 2), false},
		{"NO, the mailbox is empty", "UIDPLUS", []string{"$tag NO mailbox is empty"}, "", uids(1, 2, 3, 4, 5), true},
		{"BAD, the mailbox is empty", "UIDPLUS", []string{"$tag BAD no messages"}, "", uids(1, 2, 3, 4, 5), true},
		{"moved to the trash, only OK", "MOVE", []string{"$tag OK done"}, "Trash", uids(1, 2), false},
		{"moved to the trash, NO, the mailbox is empty", "MOVE", []string{"$tag NO mailbox is empty"}, "Trash", uids(1, 2, 3, 4, 5), true},
		{"copied to the trash, only OK", "UIDPLUS", []string{"$tag OK done"}, "Trash", uids(1, 2), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			acct := five(c.caps)
			srv := script.Every(t, script.Healthy(acct, silentSearch(acct, c.lines...)))
			req := doomed(c.uids...)
			req.Trash = c.trash
			done, err := account(t, options(srv)).Expunge(t.Context(), req)
			if err != nil || !slices.Equal(done.Gone, c.uids) {
				t.Errorf("%+v, %v", done, err)
			}
			if got := left(acct, "INBOX"); len(got) == 0 != c.empty {
				t.Errorf("left %q", got)
			}
		})
		t.Run("Move/"+c.name, func(t *testing.T) {
			acct := five(c.caps)
			answers := silentSearch(acct, c.lines...)
			if c.caps == "MOVE" {
				answers["UID MOVE"] = func(p *script.Peer, cmd script.Command) bool { // no new UID is told
					acct.Lock()
					defer acct.Unlock()
					for _, uid := range c.uids {
						acct.Mailbox("INBOX").Expunge(uint32(uid))
					}
					return answer("$tag OK moved")(p, cmd)
				}
			}
			srv := script.Every(t, script.Healthy(acct, answers))
			moved, err := account(t, options(srv)).Move(t.Context(), "INBOX", inboxValidity, c.uids, "Trash")
			if err != nil || len(moved) != len(c.uids) {
				t.Errorf("%+v, %v", moved, err)
			}
		})
	}
}

// Silence proves nothing by itself: where a message is there, it is found there.
func TestSilentSearchIsNoAbsence(t *testing.T) {
	for _, line := range []string{"$tag OK done", "$tag NO cannot"} {
		acct := five("UIDPLUS")
		srv := script.Every(t, script.Healthy(acct, script.Answers{"UID SEARCH": answer(line), "UID EXPUNGE": answer("$tag OK done")}))
		done, err := account(t, options(srv)).Expunge(t.Context(), doomed(1, 2))
		if err == nil || !strings.Contains(err.Error(), "2 of 2 messages are still there") || len(done.Gone) > 0 {
			t.Errorf("%q: %+v, %v", line, done, err)
		}
		// What another client took meanwhile is not there to be moved; the rest is.
		acct = five("UIDPLUS MOVE")
		srv = script.Every(t, script.Healthy(acct, script.Answers{"UID SEARCH": answer(line)}))
		moved, err := account(t, options(srv)).Move(t.Context(), "INBOX", inboxValidity, uids(1, 5, 99), "Trash")
		if err != nil || len(moved) != 2 || moved[0].To == 0 || !slices.Equal(left(acct, "INBOX"), []string{"2", "3", `4 \Deleted`}) {
			t.Errorf("%q: %+v, %v", line, moved, err)
		}
	}
}
