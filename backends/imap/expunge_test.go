package imap

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// doomed makes an Expunged's request for some UIDs of INBOX, any size and date.
func doomed(uids ...state.UID) state.ExpungeRequest {
	req := state.ExpungeRequest{Raw: "INBOX", UIDValidity: inboxValidity}
	for _, uid := range uids {
		req.Messages = append(req.Messages, state.Doomed{UID: uid, Size: -1, Date: state.NoDate})
	}
	return req
}

// changes returns the commands that change something, and fails the test where one of
// them could take more than it should.
func changes(t *testing.T, srv *script.Server) []string {
	t.Helper()
	var out []string
	for _, c := range srv.Commands() {
		switch verb, _, _ := strings.Cut(c, " "); verb {
		case "EXPUNGE", "CLOSE", "STORE", "DELETE", "RENAME":
			t.Errorf("sent %q", c)
		}
		for _, p := range []string{"UID STORE *", "UID EXPUNGE *", "UID MOVE *", "UID COPY *", "SELECT *"} {
			if script.Match(p, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// left returns the UIDs in a mailbox with their flags.
func left(acct *script.Account, name string) []string {
	acct.Lock()
	defer acct.Unlock()
	var out []string
	for _, m := range acct.Mailbox(name).Messages {
		out = append(out, strings.TrimSpace(fmt.Sprint(m.UID, " ", strings.Join(m.Flags, " "))))
	}
	return out
}

// five is an account with five messages in INBOX, the last but one marked by somebody
// else, and an empty trash but for one message that is also marked.
func five(caps string) *script.Account {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 " + caps
	for i := range 5 {
		acct.Mailbox("INBOX").Append(fmt.Sprintf("Subject: %d\r\n\r\nbody\r\n", i+1))
	}
	acct.Mailbox("INBOX").Message(4).Flags = []string{`\Deleted`}
	acct.Add("Trash").Append("in the trash already\r\n", `\Deleted`)
	return acct
}

func TestExpungeTakesNothingElse(t *testing.T) {
	acct := five("UIDPLUS")
	srv := script.Every(t, script.Healthy(acct, nil))
	req := doomed(1, 2, 5, 77)
	date := acct.Mailbox("INBOX").Message(1).Date.Unix()
	req.Messages[0].Size, req.Messages[0].Date = 20, date
	var asked []state.UID
	req.Confirm = func(m state.OnServer) bool {
		asked = append(asked, m.UID)
		return m.UID != 2 && m.Flags&state.Deleted == 0
	}
	done, err := account(t, options(srv)).Expunge(t.Context(), req)
	if err != nil || !slices.Equal(done.Gone, uids(1, 5, 77)) || !slices.Equal(done.Kept, uids(2)) {
		t.Errorf("%+v, %v", done, err)
	}
	if got := left(acct, "INBOX"); !slices.Equal(got, []string{"2", "3", `4 \Deleted`}) {
		t.Errorf("left %q", got)
	}
	want := []string{`SELECT "INBOX"`, `UID STORE 1,5 +FLAGS (\Deleted)`, "UID EXPUNGE 1,5"}
	if got := changes(t, srv); !slices.Equal(got, want) {
		t.Errorf("sent %q", got)
	}
	if !slices.Equal(asked, uids(1, 2, 5, 1, 5)) {
		t.Errorf("confirmed %v", asked)
	}
}

func TestExpungeKeepsWhatIsAnotherMessage(t *testing.T) {
	for name, change := range map[string]func(*state.Doomed){
		"size": func(d *state.Doomed) { d.Size = 21 },
		"date": func(d *state.Doomed) { d.Date = 5 },
	} {
		acct := five("UIDPLUS")
		srv := script.Every(t, script.Healthy(acct, nil))
		req := doomed(1)
		change(&req.Messages[0])
		done, err := account(t, options(srv)).Expunge(t.Context(), req)
		if err != nil || len(done.Gone) != 0 || !slices.Equal(done.Kept, uids(1)) || len(changes(t, srv)) != 1 {
			t.Errorf("%s: %+v, %v", name, done, err)
		}
	}
}

// What the server does not say, or does otherwise, is not taken for done.
func TestExpungeOddAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		answers script.Answers
		want    string   // of the error
		left    []string // in INBOX
		sent    string   // the changing commands after SELECT
		kept    []state.UID
	}{
		"another UIDVALIDITY": {script.Answers{"SELECT": answer("* 5 EXISTS", "* OK [UIDVALIDITY 9] x", "$tag OK [READ-WRITE] x")},
			"numbered the mailbox anew", nil, "", nil},
		"read-only": {script.Answers{"SELECT": answer("* 5 EXISTS", "* OK [UIDVALIDITY 1000] x", "$tag OK [READ-ONLY] x")},
			"read-only", nil, "", nil},
		"FETCH refused": {script.Answers{"UID FETCH": answer("$tag NO [SERVERBUG] cannot")}, "cannot", nil, "", nil},
		"FETCH garbled": {script.Answers{"UID FETCH": answer("* 1 FETCH (UID 1 FLAGS", "$tag OK done")}, "cannot read", nil, "", nil},
		"STORE refused": {script.Answers{"UID STORE": answer("$tag NO [NOPERM] not yours")}, "not yours", nil, "S", nil},
		"no \\Deleted in the echo": {script.Answers{"UID STORE": answer("* 1 FETCH (UID 1 FLAGS ())", "* 2 FETCH (UID 2 FLAGS ())", "$tag OK done")},
			`keeps no \Deleted`, nil, "S", nil},
		"\\Deleted is not kept": {script.Answers{"SELECT": answer("* 5 EXISTS", "* OK [UIDVALIDITY 1000] x", `* OK [PERMANENTFLAGS (\Seen)] x`, "$tag OK done"),
			"UID FETCH": answer("* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 5)", "$tag OK done"), "UID SEARCH": answer("* SEARCH 1 2", "$tag OK done")},
			`keeps no \Deleted`, nil, "", nil},
		"flagged in the last moment": {script.Answers{"UID STORE": func(p *script.Peer, cmd script.Command) bool {
			if strings.Contains(cmd.Args, "+FLAGS") {
				p.Send(`* 1 FETCH (UID 1 FLAGS (\Deleted \Flagged))`)
				p.Send(`* 2 FETCH (UID 2 FLAGS (\Deleted \Flagged))`)
				p.Send("$tag OK done")
				return true
			}
			return false
		}}, "", nil, "SB", uids(1, 2)},
		"UID EXPUNGE refused":      {script.Answers{"UID EXPUNGE": answer("$tag NO [NOPERM] not yours")}, "not yours", nil, "SEB", nil},
		"UID EXPUNGE does nothing": {script.Answers{"UID EXPUNGE": answer("$tag OK done")}, "2 of 2 messages are still there", nil, "SEB", nil},
		"SEARCH and FETCH say nothing": {script.Answers{"UID SEARCH": answer("$tag OK done"), "UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			return strings.Contains(cmd.Args, "*") && answer("$tag OK done")(p, cmd)
		}}, "does not answer which", []string{"3", `4 \Deleted`, "5"}, "SE", nil},
		"SEARCH says something else": {script.Answers{"UID SEARCH": answer("* SEARCH x", "$tag OK done")}, "cannot read", []string{"3", `4 \Deleted`, "5"}, "SE", nil},
	} {
		t.Run(name, func(t *testing.T) {
			acct := five("UIDPLUS")
			srv := script.Every(t, script.Healthy(acct, c.answers))
			req := doomed(1, 2)
			req.Confirm = func(m state.OnServer) bool { return m.Flags == 0 }
			done, err := account(t, options(srv)).Expunge(t.Context(), req)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if len(done.Gone) > 0 || !slices.Equal(done.Kept, c.kept) {
				t.Errorf("%+v", done)
			}
			if c.left == nil {
				c.left = []string{"1", "2", "3", `4 \Deleted`, "5"}
			}
			if got := left(acct, "INBOX"); !slices.Equal(got, c.left) {
				t.Errorf("left %q, want %q", got, c.left)
			}
			said := ""
			for _, cmd := range changes(t, srv) {
				switch {
				case script.Match("UID STORE 1:2 +*", cmd):
					said += "S"
				case script.Match("UID STORE 1:2 -*", cmd):
					said += "B"
				case script.Match("UID EXPUNGE 1:2", cmd):
					said += "E"
				}
			}
			if said != c.sent {
				t.Errorf("sent %q: %q", said, srv.Commands())
			}
		})
	}
}

// What was marked before stays marked.
func TestExpungeTakesBackOnlyItsOwnMark(t *testing.T) {
	acct := five("UIDPLUS")
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID EXPUNGE": answer("$tag NO not now")}))
	if _, err := account(t, options(srv)).Expunge(t.Context(), doomed(3, 4)); err == nil {
		t.Error("no error")
	}
	if got := left(acct, "INBOX"); !slices.Equal(got, []string{"1", "2", "3", `4 \Deleted`, "5"}) {
		t.Errorf("left %q", got)
	}
}

// A connection that breaks anywhere on the way is tried once more, and what went on the
// first one is gone.
func TestExpungeAfterABreak(t *testing.T) {
	for _, at := range []string{"UID FETCH", "UID STORE", "UID EXPUNGE", "UID SEARCH"} {
		for _, before := range []bool{true, false} {
			acct := five("UIDPLUS")
			broke := false
			srv := script.Every(t, func(p *script.Peer) {
				script.Healthy(acct, script.Answers{at: func(p *script.Peer, cmd script.Command) bool {
					acct.Lock()
					defer acct.Unlock()
					if broke {
						return false
					}
					broke = true
					if before {
						p.Close()
						return true
					}
					p.CutAfter(5) // the command is done, its answer is cut off
					return false
				}})(p)
			})
			done, err := account(t, options(srv)).Expunge(t.Context(), doomed(1, 2))
			if err != nil || !slices.Equal(done.Gone, uids(1, 2)) || srv.Accepted() != 2 {
				t.Errorf("broken at %s: %+v, %v over %d connections", at, done, err, srv.Accepted())
			}
			if got := left(acct, "INBOX"); !slices.Equal(got, []string{"3", `4 \Deleted`, "5"}) {
				t.Errorf("broken at %s: left %q", at, got)
			}
			changes(t, srv)
		}
	}
}

func TestExpungeWithoutUIDPLUS(t *testing.T) {
	for _, c := range []struct {
		caps, trash, want string
	}{
		{"", "", "neither"},
		{"", "Trash", "neither"},
		{"MOVE", "", "no UIDPLUS"},
		{"MOVE", "INBOX", "no UIDPLUS"},
		{"MOVE", "Trash", ""},
	} {
		acct := five(c.caps)
		srv := script.Every(t, script.Healthy(acct, nil))
		req := doomed(1, 2)
		req.Trash = c.trash
		done, err := account(t, options(srv)).Expunge(t.Context(), req)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || state.HintOf(err) == "" || len(changes(t, srv)) != 0 {
				t.Errorf("%+v: %v after %q", c, err, srv.Commands())
			}
			continue
		}
		if err != nil || !slices.Equal(done.Gone, uids(1, 2)) || !slices.Equal(done.Trashed, uids(1, 2)) {
			t.Errorf("%+v: %+v, %v", c, done, err)
		}
		if got := left(acct, "Trash"); !slices.Equal(got, []string{`1 \Deleted`, "2", "3"}) {
			t.Errorf("in the trash %q", got)
		}
		if got := changes(t, srv); !slices.Equal(got, []string{`SELECT "INBOX"`, `UID MOVE 1:2 "Trash"`}) {
			t.Errorf("sent %q", got)
		}
	}
}

func TestExpungeByTrash(t *testing.T) {
	for caps, want := range map[string][]string{
		"UIDPLUS MOVE": {`SELECT "INBOX"`, `UID MOVE 1:2 "Trash"`, `SELECT "Trash"`, `UID STORE 2:3 +FLAGS (\Deleted)`, "UID EXPUNGE 2:3"},
		"UIDPLUS": {`SELECT "INBOX"`, `UID COPY 1:2 "Trash"`, `UID STORE 1:2 +FLAGS (\Deleted)`, "UID EXPUNGE 1:2",
			`SELECT "Trash"`, `UID STORE 2:3 +FLAGS (\Deleted)`, "UID EXPUNGE 2:3"},
	} {
		acct := five(caps)
		srv := script.Every(t, script.Healthy(acct, nil))
		req := doomed(1, 2, 9)
		req.Trash = "Trash"
		done, err := account(t, options(srv)).Expunge(t.Context(), req)
		if err != nil || !slices.Equal(done.Gone, uids(1, 2, 9)) || len(done.Trashed) > 0 {
			t.Errorf("%s: %+v, %v", caps, done, err)
		}
		if got := changes(t, srv); !slices.Equal(got, want) {
			t.Errorf("%s: sent %q", caps, got)
		}
		if in, tr := left(acct, "INBOX"), left(acct, "Trash"); !slices.Equal(in, []string{"3", `4 \Deleted`, "5"}) || !slices.Equal(tr, []string{`1 \Deleted`}) {
			t.Errorf("%s: left %q and %q", caps, in, tr)
		}
	}
}

// What the trash refuses to expunge lies there still, and that is said.
func TestExpungeByTrashRefusedThere(t *testing.T) {
	acct := five("UIDPLUS MOVE")
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID EXPUNGE": answer("$tag NO not there")}))
	req := doomed(1, 2)
	req.Trash = "Trash"
	done, err := account(t, options(srv)).Expunge(t.Context(), req)
	if err == nil || !slices.Equal(done.Gone, uids(1, 2)) || !slices.Equal(done.Trashed, uids(1, 2)) {
		t.Errorf("%+v, %v", done, err)
	}
	changes(t, srv)
}

// A server that says that it moved, and did not, has them still: nothing went anywhere.
func TestExpungeByTrashThatMovesNothing(t *testing.T) {
	acct := five("MOVE")
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID MOVE": answer("$tag OK moved")}))
	req := doomed(1, 2)
	req.Trash = "Trash"
	done, err := account(t, options(srv)).Expunge(t.Context(), req)
	if err == nil || len(done.Gone)+len(done.Trashed) > 0 || !strings.Contains(err.Error(), "still there") {
		t.Errorf("%+v, %v", done, err)
	}
	changes(t, srv)
}

// What is moved to the trash and not known there is left there, and said.
func TestExpungeByTrashWithoutNewUIDs(t *testing.T) {
	for name, code := range map[string]string{
		"none":          "",
		"too many":      "[COPYUID 1001 1:4000000000 1:4000000000] ",
		"no pairs":      "[COPYUID 1001 1:2 2] ",
		"validity":      "[COPYUID 77 1:2 2:3] ",
		"others'":       "[COPYUID 1001 8:9 2:3] ",
		"another there": "[COPYUID 1001 1:2 1,9] ",
	} {
		t.Run(name, func(t *testing.T) {
			acct := five("UIDPLUS MOVE")
			srv := script.Every(t, script.Healthy(acct, script.Answers{"UID MOVE": func(p *script.Peer, cmd script.Command) bool {
				acct.Lock()
				defer acct.Unlock()
				for uid := range uint32(2) {
					acct.Mailbox("INBOX").Expunge(uid + 1)
					acct.Mailbox("Trash").Append("moved")
				}
				p.Send("* 2 EXPUNGE")
				p.Send("* 1 EXPUNGE")
				p.Send("$tag OK " + code + "moved")
				return true
			}, "UID SEARCH": func(p *script.Peer, cmd script.Command) bool {
				if cmd.Args == "UID 1:2" {
					p.Send("* SEARCH")
					p.Send("$tag OK done")
				}
				return cmd.Args == "UID 1:2"
			}}))
			req := doomed(1, 2)
			req.Trash = "Trash"
			done, err := account(t, options(srv)).Expunge(t.Context(), req)
			if err == nil || !slices.Equal(done.Gone, uids(1, 2)) || !slices.Equal(done.Trashed, uids(1, 2)) {
				t.Errorf("%+v, %v", done, err)
			}
			if got := left(acct, "Trash"); !slices.Equal(got, []string{`1 \Deleted`, "2", "3"}) {
				t.Errorf("in the trash %q", got)
			}
			changes(t, srv)
		})
	}
}

// The same without MOVE: what the server copied goes, told or not. It would be copied once more in
// each run.
func TestExpungeByTrashCopiedWithoutNewUIDs(t *testing.T) {
	acct := five("UIDPLUS")
	srv := script.Every(t, script.Healthy(acct, script.Answers{"UID COPY": func(p *script.Peer, cmd script.Command) bool {
		acct.Lock()
		defer acct.Unlock()
		for range 2 {
			acct.Mailbox("Trash").Append("copied")
		}
		p.Send("$tag OK copied")
		return true
	}}))
	a := account(t, options(srv))
	for n := range 3 {
		req := doomed(1, 2)
		req.Trash = "Trash"
		done, err := a.Expunge(t.Context(), req)
		if (err == nil) != (n > 0) || !slices.Equal(done.Gone, uids(1, 2)) || n == 0 && !slices.Equal(done.Trashed, uids(1, 2)) {
			t.Errorf("run %d: %+v, %v", n, done, err)
		}
		if got := left(acct, "Trash"); !slices.Equal(got, []string{`1 \Deleted`, "2", "3"}) {
			t.Errorf("run %d: in the trash %q", n, got)
		}
		if got := left(acct, "INBOX"); !slices.Equal(got, []string{"3", `4 \Deleted`, "5"}) {
			t.Errorf("run %d: left %q", n, got)
		}
	}
	changes(t, srv)
}

func TestExpungeInABackupIsRefused(t *testing.T) {
	srv := script.Every(t, script.Healthy(five("UIDPLUS MOVE"), nil))
	a := account(t, options(srv), func(o *Options) { o.ReadOnly = true })
	if _, err := a.Expunge(t.Context(), doomed(1)); err == nil || len(srv.Commands()) != 0 {
		t.Errorf("%v after %q", err, srv.Commands())
	}
	if _, err := a.Move(t.Context(), "INBOX", inboxValidity, uids(1), "Trash"); err == nil || len(srv.Commands()) != 0 {
		t.Errorf("%v after %q", err, srv.Commands())
	}
}

func TestExpungeManyInShortCommands(t *testing.T) {
	acct := script.NewAccount()
	acct.Caps = "IMAP4rev1 UIDPLUS"
	box := acct.Mailbox("INBOX")
	box.UIDNext = 4_000_000_000
	req := doomed()
	for i := range 1400 {
		m := box.Append("x")
		if i%2 == 0 {
			req.Messages = append(req.Messages, state.Doomed{UID: state.UID(m.UID), Size: 1, Date: m.Date.Unix()})
		}
	}
	srv := script.Every(t, script.Healthy(acct, nil))
	done, err := account(t, options(srv)).Expunge(t.Context(), req)
	if err != nil || len(done.Gone) != 700 || sent(srv, "UID EXPUNGE *") != 2 || len(acct.Mailbox("INBOX").Messages) != 700 {
		t.Errorf("%d gone, %v, %d left", len(done.Gone), err, len(acct.Mailbox("INBOX").Messages))
	}
	for _, c := range srv.Commands() {
		if len(c) > maxSet+100 {
			t.Errorf("a command of %d octets", len(c))
		}
	}
}

func TestMove(t *testing.T) {
	for caps, want := range map[string][]string{
		"UIDPLUS MOVE": {`SELECT "INBOX"`, `UID MOVE 1,3 "Trash"`},
		"UIDPLUS":      {`SELECT "INBOX"`, `UID COPY 1,3 "Trash"`, `UID STORE 1,3 +FLAGS (\Deleted)`, "UID EXPUNGE 1,3"},
		"MOVE":         {`SELECT "INBOX"`, `UID MOVE 1,3 "Trash"`},
	} {
		acct := five(caps)
		srv := script.Every(t, script.Healthy(acct, nil))
		moved, err := account(t, options(srv)).Move(t.Context(), "INBOX", inboxValidity, uids(3, 1, 99), "Trash")
		told := []state.Moved{{From: 1, To: 2, UIDValidity: 1001}, {From: 3, To: 3, UIDValidity: 1001}}
		if caps == "MOVE" {
			told = []state.Moved{{From: 1}, {From: 3}}
		}
		if err != nil || !slices.Equal(moved, told) {
			t.Errorf("%s: %+v, %v", caps, moved, err)
		}
		if got := changes(t, srv); !slices.Equal(got, want) {
			t.Errorf("%s: sent %q", caps, got)
		}
		if in, tr := left(acct, "INBOX"), left(acct, "Trash"); !slices.Equal(in, []string{"2", `4 \Deleted`, "5"}) || !slices.Equal(tr, []string{`1 \Deleted`, "2", "3"}) {
			t.Errorf("%s: left %q and %q", caps, in, tr)
		}
	}
}

func TestMoveOddAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		caps    string
		to      string
		answers script.Answers
		want    string
		moved   []state.Moved
		left    []string
	}{
		"no such mailbox":   {"UIDPLUS MOVE", "Nowhere", nil, "TRYCREATE", nil, []string{"1", "2"}},
		"the same mailbox":  {"UIDPLUS MOVE", "INBOX", nil, "same", nil, []string{"1", "2"}},
		"no way":            {"", "Trash", nil, "neither", nil, []string{"1", "2"}},
		"COPY without UIDs": {"UIDPLUS", "Trash", script.Answers{"UID COPY": answer("$tag OK copied")}, "still there", nil, []string{"1", "2"}},
		"MOVE in part": {"UIDPLUS MOVE", "Trash", script.Answers{"UID MOVE": func(p *script.Peer, cmd script.Command) bool {
			p.Send("* OK [COPYUID 1001 1:2 2:3] copied")
			p.Send("$tag NO cannot remove them")
			return true
		}}, "cannot remove", nil, []string{"1", "2"}},
		"expunge refused": {"UIDPLUS", "Trash", script.Answers{"UID EXPUNGE": answer("$tag NO not yours")}, "not yours", nil, []string{"1", "2"}},
	} {
		t.Run(name, func(t *testing.T) {
			acct := five(c.caps)
			srv := script.Every(t, script.Healthy(acct, c.answers))
			moved, err := account(t, options(srv)).Move(t.Context(), "INBOX", inboxValidity, uids(1, 2), c.to)
			if err == nil || !strings.Contains(err.Error(), c.want) || !slices.Equal(moved, c.moved) {
				t.Errorf("%+v, %v", moved, err)
			}
			if got := left(acct, "INBOX"); !slices.Equal(got[:2], c.left) {
				t.Errorf("left %q", got)
			}
			// What is in both mailboxes is told, so that it is not copied again.
			var both *state.CopiedError
			var copied []state.Moved
			if errors.As(err, &both) {
				copied = both.Messages
			}
			told := []state.Moved{{From: 1, To: 2, UIDValidity: 1001}, {From: 2, To: 3, UIDValidity: 1001}}
			if want := map[string][]state.Moved{"COPY without UIDs": {{From: 1}, {From: 2}}, "MOVE in part": told, "expunge refused": told}[name]; !slices.Equal(copied, want) {
				t.Errorf("copied %+v, want %+v", copied, want)
			}
			changes(t, srv)
		})
	}
	srv := script.Every(t, script.Healthy(five("UIDPLUS MOVE"), nil))
	if _, err := account(t, options(srv)).Move(t.Context(), "INBOX", 77, uids(1), "Trash"); !errors.Is(err, state.ErrRenumbered) || len(changes(t, srv)) != 1 {
		t.Errorf("%v after %q", err, srv.Commands())
	}
}

// A copy that was asked for is not asked for again: it would be a double.
func TestMoveIsNotRepeated(t *testing.T) {
	for _, verb := range []string{"UID COPY", "UID MOVE"} {
		acct := five("UIDPLUS " + strings.TrimPrefix(verb, "UID "))
		srv := script.Every(t, script.Healthy(acct, script.Answers{verb: func(p *script.Peer, cmd script.Command) bool {
			p.CutAfter(3)
			return false
		}}))
		moved, err := account(t, options(srv)).Move(t.Context(), "INBOX", inboxValidity, uids(1), "Trash")
		if err == nil || len(moved) != 0 || sent(srv, verb+" *") != 1 {
			t.Errorf("%s: %+v, %v after %q", verb, moved, err, srv.Commands())
		}
	}
}
