//go:build unix

package hostile

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// "verify" says that a copy is whole only where nothing is known that is not here.
func TestVerifyIncomplete(t *testing.T) {
	t.Parallel()
	// later keeps the bodies of UIDs above 5, which only INBOX has.
	later := for1("UID FETCH", func(p *script.Peer, cmd script.Command) bool {
		set, _, _ := strings.Cut(cmd.Args, " ")
		for uid := uint32(6); uid < 20 && strings.Contains(cmd.Args, "BODY.PEEK[]"); uid++ {
			if inSet(set, uid) {
				p.Send("$tag NO cannot be read")
				return true
			}
		}
		return false
	})
	for _, c := range []struct {
		name string
		run  func(l *imapLife) // in place of a healthy first sync
		args []string
		code int
		want verified
		line string // in the account's line
		says string // on stderr
	}{
		{"all is here", func(l *imapLife) { l.run("sync") }, nil, 0,
			verified{Files: 18}, "work: intact, 18 files read (", ""},
		{"all is here, says the server", func(l *imapLife) { l.run("sync") }, []string{"--server"}, 0,
			verified{Files: 18, Server: true}, ", checked against the state and the server; 18 messages here in 3 mailboxes", ""},
		{"outstanding in one mailbox", func(l *imapLife) {
			l.serve(script.Healthy(l.acct, later(l.acct)))
			l.run("sync")
		}, nil, 7, verified{Files: 11, Incomplete: true, Outstanding: 7},
			"work: partial, incomplete, 11 files read (", "mailsync: work: INBOX: incomplete: 7 messages outstanding"},
		{"outstanding, but not where it looks", func(l *imapLife) {
			l.serve(script.Healthy(l.acct, later(l.acct)))
			l.run("sync")
		}, []string{"--mailbox", "Archive"}, 0, verified{Files: 4}, "work: intact, 4 files read (", ""},
		{"killed at the first body", func(l *imapLife) {
			l.serve(script.Healthy(l.acct, for1("UID FETCH", hangUpAtBodies)(l.acct)))
			l.run("sync")
		}, nil, 7, verified{Incomplete: true, Outstanding: 18},
			"work: partial, incomplete, 0 files read (0 B on disk), checked against the state; 0 messages here, 18 on the server, 18 outstanding in 3 mailboxes",
			"Archive: incomplete: 4 messages outstanding"},
		{"a file is lost, and more is outstanding", func(l *imapLife) {
			l.serve(script.Healthy(l.acct, later(l.acct)))
			l.run("sync")
			found, _ := filepath.Glob(filepath.Join(l.root, "Archive", "cur", "*"))
			l.removeAll(strings.TrimPrefix(found[0], l.root))
		}, nil, 7, verified{Files: 10, Findings: 1, Incomplete: true, Outstanding: 7},
			"; 10 messages here, 18 on the server, 7 outstanding in 3 mailboxes", "INBOX: incomplete: 7 messages outstanding"},
		{"a mailbox could not be read", func(l *imapLife) {
			l.run("sync")
			l.aside("Archive/mailsync.marker") // as in a damaged copy, with its folder
			l.removeAll("Archive/cur")
			l.write("Archive/cur", []byte("no folder"))
		}, nil, 1, verified{Files: 14, Incomplete: true}, "work: partial, incomplete, 14 files read (", "cur is not a folder"},
		{"no state", func(l *imapLife) { l.run("sync"); l.removeAll(".mailsync") }, nil, 0,
			verified{Files: 18, NamesOnly: true}, "work: nothing wrong, 18 files read (", "names alone do not show"},
		{"no state, but the server", func(l *imapLife) { l.run("sync"); l.removeAll(".mailsync") }, []string{"--server"}, 0,
			verified{Files: 18, NamesOnly: true, Server: true}, "work: intact, 18 files read (", ""},
		{"no state, and the server has more", func(l *imapLife) {
			l.run("sync")
			l.removeAll(".mailsync")
			l.acct.Mailbox("INBOX").Append(letter(70))
		}, []string{"--server"}, 7, verified{Files: 18, Findings: 1, NamesOnly: true, Server: true}, "1 difference, 18 files read (", ""},
		{"never synced", func(*imapLife) {}, nil, 8, verified{}, "work: failed", "nothing to verify: nothing was synced here yet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			c.run(l)
			l.heal()
			o := l.run(append([]string{"verify"}, c.args...)...)
			if o.Code != c.code || !strings.Contains(o.Stdout, c.line) || !strings.Contains(o.Stderr, c.says) {
				t.Errorf("exit %d, want %d\n%s%s", o.Code, c.code, o.Stdout, o.Stderr)
			}
			if strings.Contains(o.Stdout, "intact") != (c.code == 0 && c.says == "") {
				t.Errorf("it says %s", o.Stdout)
			}
			var got verified
			j := l.run(append([]string{"verify", "--json"}, c.args...)...)
			for line := range strings.SplitSeq(j.Stdout, "\n") {
				if strings.HasPrefix(line, `{"type":"verify"`) {
					l.must(json.Unmarshal([]byte(line), &got))
				}
			}
			if got != c.want {
				t.Errorf("got %+v\nwant %+v", got, c.want)
			}
			if q := l.run(append([]string{"verify", "-q"}, c.args...)...); q.Stdout != "" || (q.Stderr == "") != (c.code == 0) {
				t.Errorf("with -q: %s%s", q.Stdout, q.Stderr)
			}
		})
	}
}

// What the last run did not do, "status" does not call ok.
func TestStatusOfSomethingOutstanding(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	l.run("sync", "--mailbox", "Archive")
	if _, a := l.proved("status", "--json"); a.Status != "ok" {
		t.Errorf("status %s", a.Status)
	}
	l.serve(script.Healthy(l.acct, for1("UID FETCH", hangUpAtBodies)(l.acct)))
	l.run("sync")
	l.heal()
	l.run("sync", "--mailbox", "Archive")
	if o := l.run("status"); o.Code != 0 || !strings.Contains(o.Stdout, "14 outstanding") {
		t.Errorf("exit %d: %s", o.Code, o.Stdout)
	}
	if _, a := l.proved("status", "--json"); a.Status != "partial" {
		t.Errorf("status %s", a.Status)
	}
}

func hangUpAtBodies(p *script.Peer, cmd script.Command) bool {
	return strings.Contains(cmd.Args, "BODY.PEEK[]") && hangUp(p, cmd)
}

// verified is the object "verify".
type verified struct {
	Findings    int  `json:"findings"`
	Files       int  `json:"files"`
	NamesOnly   bool `json:"names_only"`
	Incomplete  bool `json:"incomplete"`
	Outstanding int  `json:"outstanding"`
	Server      bool `json:"server"`
}
