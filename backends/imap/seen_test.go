package imap

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// seenWork is work that hears of what a server has marked.
type seenWork struct {
	*work
	marked []state.UID
	undone bool
}

func (w *seenWork) Marked(_ string, uids []state.UID, undone bool) {
	w.marked, w.undone = append(w.marked, uids...), undone
}

// marking is an account whose server sets \Seen on what is fetched, all of it or, like a
// user, one message.
func marking(all bool) (*script.Account, script.Answers) {
	acct := boxes()
	old := acct.Mailbox("Old")
	return acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
		acct.Lock()
		defer acct.Unlock()
		for _, m := range old.Messages {
			if strings.Contains(cmd.Args, "BODY.PEEK") && (all || m.UID == 2) {
				old.SetFlags(m, `\Seen`)
			}
		}
		return false
	}}
}

func fetchOld(t *testing.T, a *Account, unseen ...state.UID) *seenWork {
	t.Helper()
	w := &seenWork{work: newWork(state.Item{Raw: "Old", UIDValidity: oldValidity, UIDs: uids(1, 2, 3), Unseen: unseen})}
	if err := a.Fetch(t.Context(), w); err != nil || w.done[0] != nil || len(w.bodies) != 3 {
		t.Fatal(err, w.done, w.bodies)
	}
	return w
}

func TestSeenIsTakenBack(t *testing.T) {
	acct, answers := marking(true)
	srv := script.Every(t, script.Healthy(acct, answers))
	w := fetchOld(t, account(t, options(srv)), 1, 3)
	if got := left(acct, "Old"); !slices.Equal(got, []string{"1", `2 \Seen`, "3"}) {
		t.Errorf("left %q", got)
	}
	if !slices.Equal(w.marked, uids(1, 3)) || !w.undone {
		t.Errorf("told of %v, undone %v", w.marked, w.undone)
	}
}

func TestSeenIsReportedInABackup(t *testing.T) {
	acct, answers := marking(true)
	srv := script.Every(t, script.Healthy(acct, answers))
	w := fetchOld(t, account(t, options(srv), func(o *Options) { o.ReadOnly = true }), 1, 2, 3)
	if !slices.Equal(w.marked, uids(1, 2, 3)) || w.undone || sent(srv, "UID STORE *") != 0 {
		t.Errorf("told of %v, undone %v: %q", w.marked, w.undone, srv.Commands())
	}
}

// What a user reads meanwhile stays read, and a server that leaves \Seen alone is asked
// once.
func TestSeenByTheUserStays(t *testing.T) {
	acct, answers := marking(false)
	srv := script.Every(t, script.Healthy(acct, answers))
	a := account(t, options(srv))
	for range 3 {
		if w := fetchOld(t, a, 1, 2, 3); w.marked != nil {
			t.Errorf("told of %v", w.marked)
		}
	}
	if sent(srv, "UID STORE *") != 0 || sent(srv, "UID FETCH 1:3 (UID FLAGS)") != 1 {
		t.Errorf("sent %q", srv.Commands())
	}
	if got := left(acct, "Old"); !slices.Equal(got, []string{"1", `2 \Seen`, "3"}) {
		t.Errorf("left %q", got)
	}
}

// Dovecot answers the question behind the bodies before it sends the tagged answer to these.
func TestSeenIsAskedForBehindTheBodies(t *testing.T) {
	acct := boxes()
	var bodies string // the tag of their command
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
		acct.Lock()
		defer acct.Unlock()
		for i, m := range acct.Mailbox("Old").Messages {
			if bodies == "" {
				p.Send(fmt.Sprintf("* %d FETCH (UID %d FLAGS () RFC822.SIZE %d BODY[] %s)", i+1, m.UID, len(m.Body), script.Literal(m.Body)))
				continue
			}
			p.Send(fmt.Sprintf("* %d FETCH (UID %d FLAGS ())", i+1, m.UID))
		}
		if bodies == "" {
			bodies = cmd.Tag
			return true
		}
		p.Send(bodies + " OK done")
		p.Send("$tag OK done")
		return true
	}}))
	if w := fetchOld(t, account(t, options(srv)), 1, 2, 3); w.marked != nil {
		t.Errorf("told of %v", w.marked)
	}
	if n := sent(srv, "UID FETCH *"); n != 2 {
		t.Errorf("looked once more: %q", srv.Commands())
	}
}
