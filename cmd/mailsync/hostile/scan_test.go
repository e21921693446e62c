//go:build unix

package hostile

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// opening has a healthy server open INBOX and say these lines about it.
func opening(lines ...string) func(*script.Account) script.Answers {
	return openingWith(func(p *script.Peer, cmd script.Command) bool {
		p.Wrap(func(conn net.Conn) (io.Reader, io.Writer) {
			return conn, &instead{w: conn, tag: cmd.Tag + " ", lines: lines}
		})
		return false
	})
}

// instead is a connection on which the lines up to a tagged one are others.
type instead struct {
	w     io.Writer
	tag   string
	lines []string
	over  bool
}

func (i *instead) Write(b []byte) (int, error) {
	if i.over {
		return i.w.Write(b)
	}
	if i.over = strings.HasPrefix(string(b), i.tag); !i.over {
		return len(b), nil
	}
	for _, line := range i.lines {
		if _, err := io.WriteString(i.w, strings.ReplaceAll(line, "$tag ", i.tag)+"\r\n"); err != nil {
			return 0, err
		}
	}
	return len(b), nil
}

func openingWith(a script.Answer) func(*script.Account) script.Answers {
	inbox := func(p *script.Peer, cmd script.Command) bool {
		return strings.Contains(strings.ToUpper(cmd.Args), "INBOX") && a(p, cmd)
	}
	return func(*script.Account) script.Answers { return script.Answers{"EXAMINE": inbox, "SELECT": inbox} }
}

// scanning answers the listing of a mailbox, with any FETCH that asks for no body.
func scanning(lines ...string) func(*script.Account) script.Answers {
	return scanningWith(say(lines...))
}

func scanningWith(a script.Answer) func(*script.Account) script.Answers {
	return for1("UID FETCH", func(p *script.Peer, cmd script.Command) bool {
		return !strings.Contains(cmd.Args, "BODY") && a(p, cmd)
	})
}

// without says that the server lists nothing by STATUS or MODSEQ, so that a mailbox is
// listed whole.
const bare = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN NAMESPACE UNSELECT UIDPLUS"

func bareServer(acct *script.Account) {
	acct.Caps = bare
	for _, m := range acct.Mailboxes {
		m.ModSeq = 0
	}
}

// What opening a mailbox answers, when it answers wrongly.
func TestOpening(t *testing.T) {
	failed := []int{1}
	good := func(exists, validity, next string) []string {
		lines := []string{`* FLAGS (\Seen)`}
		for _, l := range []string{exists, validity, next} {
			if l != "" {
				lines = append(lines, l)
			}
		}
		return append(lines, "$tag OK [READ-ONLY] opened")
	}
	play(t, []situation{
		{name: "NO", codes: failed, answers: opening("$tag NO [NOPERM] not yours")},
		{name: "BAD", codes: failed, answers: opening("$tag BAD what")},
		{name: "silence", codes: failed, answers: openingWith(stall)},
		{name: "closed", codes: []int{1, 5}, answers: openingWith(hangUp)},
		{name: "BYE", codes: []int{1, 5}, answers: openingWith(func(p *script.Peer, _ script.Command) bool {
			p.Send("* BYE inconsistent, log in again")
			p.Close()
			return true
		})},
		{name: "only OK", codes: failed, answers: opening("$tag OK opened")},
		{name: "no UIDVALIDITY", codes: failed, answers: opening(good("* 15 EXISTS", "", "* OK [UIDNEXT 16] next")...)},
		{name: "UIDVALIDITY 0", codes: failed, answers: opening(good("* 15 EXISTS", "* OK [UIDVALIDITY 0] v", "* OK [UIDNEXT 16] next")...)},
		{name: "UIDVALIDITY over 32 bits", codes: failed, answers: opening(good("* 15 EXISTS", "* OK [UIDVALIDITY 4294968296] v", "* OK [UIDNEXT 16] next")...)},
		{name: "UIDVALIDITY like noise", codes: failed, answers: opening(good("* 15 EXISTS", "* OK [UIDVALIDITY banana] v", "* OK [UIDNEXT 16] next")...)},
		{name: "no EXISTS", codes: []int{0, 1}, lies: false, answers: opening(good("", "* OK [UIDVALIDITY 1000] v", "* OK [UIDNEXT 16] next")...)},
		{name: "EXISTS 0", codes: []int{0, 1, 6}, answers: opening(good("* 0 EXISTS", "* OK [UIDVALIDITY 1000] v", "* OK [UIDNEXT 16] next")...)},
		{name: "EXISTS too many", codes: failed, prepare: bareServer, answers: opening(good("* 99 EXISTS", "* OK [UIDVALIDITY 1000] v", "* OK [UIDNEXT 16] next")...)},
		{name: "EXISTS too few", codes: []int{0, 1}, prepare: bareServer, answers: opening(good("* 3 EXISTS", "* OK [UIDVALIDITY 1000] v", "* OK [UIDNEXT 16] next")...)},
		{name: "EXISTS over 32 bits", codes: []int{0, 1}, answers: opening(good("* 99999999999 EXISTS", "* OK [UIDVALIDITY 1000] v", "* OK [UIDNEXT 16] next")...)},
		{name: "EXISTS four thousand million", codes: []int{0, 1}, prepare: bareServer, answers: opening(good("* 4294967295 EXISTS", "* OK [UIDVALIDITY 1000] v", "* OK [UIDNEXT 16] next")...)},
		{name: "no UIDNEXT", codes: []int{0, 1}, answers: opening(good("* 15 EXISTS", "* OK [UIDVALIDITY 1000] v", "")...)},
	})
}

// What a listing says, when it is not the truth.
func TestScanning(t *testing.T) {
	failed, unreachable, some := []int{1}, []int{5}, []int{0, 1}
	line := func(seq int, rest string) string { return fmt.Sprintf("* %d FETCH (%s)", seq, rest) }
	full := func(uid int) string {
		return fmt.Sprintf(`UID %d FLAGS () INTERNALDATE "02-Jan-2024 03:11:05 +0000" RFC822.SIZE 600`, uid)
	}
	all := []situation{
		{name: "NO", codes: failed, answers: scanning("$tag NO cannot")},
		{name: "BAD", codes: failed, answers: scanning("$tag BAD what")},
		{name: "nothing", codes: some, answers: scanning("$tag OK done")},
		{name: "silence", codes: unreachable, answers: scanningWith(stall), slow: true},
		{name: "closed", codes: []int{1, 5}, answers: scanningWith(hangUp)},
		{name: "half, then the end", codes: []int{1, 5}, answers: scanningWith(func(p *script.Peer, _ script.Command) bool {
			p.Send(line(1, full(1)))
			p.Close()
			return true
		})},
		{name: "half, then NO", codes: failed, undone: true, answers: scanning(line(1, full(1)), "$tag NO out of memory")},
		{name: "half, and OK", codes: failed, undone: true, answers: scanning(line(1, full(1)), line(2, full(2)), "$tag OK done")},
		{name: "UID 0", codes: failed, answers: scanning(line(1, full(0)), "$tag OK done")},
		{name: "a UID twice", codes: some, undone: true, answers: scanningWith(func(p *script.Peer, _ script.Command) bool {
			for seq := range 15 {
				p.Send(line(seq+1, full(1)))
			}
			p.Send("$tag OK done")
			return true
		})},
		{name: "UIDs over 32 bits", codes: some, answers: scanningWith(func(p *script.Peer, _ script.Command) bool {
			for seq := range 15 {
				p.Sendf("* %d FETCH (UID %d FLAGS ())", seq+1, 4294967296+seq)
			}
			p.Send("$tag OK done")
			return true
		})},
		{name: "UIDs without an end", codes: []int{0, 1, 5}, slow: true, answers: scanningWith(func(p *script.Peer, _ script.Command) bool {
			for uid := range 300000 {
				p.Sendf("* %d FETCH (UID %d FLAGS ())", uid+1, uid+1)
			}
			p.Send("$tag OK done")
			return true
		}), lies: true},
		{name: "no UIDs", codes: some, answers: scanning(line(1, "FLAGS ()"), line(2, "FLAGS ()"), "$tag OK done")},
		{name: "sizes below nothing", codes: some, answers: scanning(line(1, "UID 1 FLAGS () RFC822.SIZE -1"), "$tag OK done")},
		{name: "sizes beyond all", codes: some, answers: scanning(line(1, "UID 13 FLAGS () RFC822.SIZE 99999999999999999999999"), "$tag OK done")},
		{name: "flags NIL", codes: some, answers: scanning(line(1, "UID 1 FLAGS NIL"), "$tag OK done")},
		{name: "flags that are none", codes: some, answers: scanning(line(1, "UID 1 FLAGS (\\Seen \\ \xc3\xa9t\xc3\xa9 \"quoted\" {3}\r\nabc [x])"), "$tag OK done")},
		{name: "ten thousand flags", codes: some, answers: scanningWith(func(p *script.Peer, _ script.Command) bool {
			var flags strings.Builder
			for i := range 10000 {
				fmt.Fprintf(&flags, " word%d", i)
			}
			p.Send(line(1, "UID 1 FLAGS ("+flags.String()[1:]+")"))
			return false
		})},
		{name: "dates of nowhere", codes: some, answers: scanning(line(1, `UID 13 FLAGS () INTERNALDATE "99-Foo-0000 99:99:99 +9999" RFC822.SIZE 10`), "$tag OK done")},
		{name: "nested without an end", codes: []int{0, 1, 5}, answers: scanning("* 1 FETCH (UID 1 X "+strings.Repeat("(", 100000), "$tag OK done")},
		{name: "literals without an end", codes: []int{0, 1, 5}, answers: scanningWith(func(p *script.Peer, _ script.Command) bool {
			for range 2000 {
				p.Raw([]byte("* 1 FETCH (UID 1 FLAGS () X {65536}\r\n" + strings.Repeat("x", 65536)))
			}
			p.Send(")")
			p.Send("$tag OK done")
			return true
		}), slow: true},
	}
	for _, s := range all {
		t.Run("by MODSEQ/"+s.name, s.play)
		whole := s
		whole.prepare = bareServer
		t.Run("whole/"+s.name, whole.play)
	}
}

// SEARCH, which servers without QRESYNC are asked what is left.
func TestSearching(t *testing.T) {
	answer := func(lines ...string) func(*script.Account) script.Answers { return for1("UID SEARCH", say(lines...)) }
	play(t, []situation{
		{name: "NO", codes: []int{0, 1}, answers: answer("$tag NO cannot")},
		{name: "nothing", codes: []int{0, 1}, answers: answer("$tag OK done")},
		{name: "empty", codes: []int{0, 1, 6}, answers: answer("* SEARCH", `* ESEARCH (TAG "$tag") UID`, "$tag OK done")},
		{name: "a few", codes: []int{0, 1, 6}, answers: answer("* SEARCH 1 2", `* ESEARCH (TAG "$tag") UID ALL 1:2`, "$tag OK done")},
		{name: "all there could be", codes: []int{0, 1}, answers: answer("* SEARCH 1", `* ESEARCH (TAG "$tag") UID ALL 1:4294967295`, "$tag OK done")},
		{name: "backwards", codes: []int{0, 1}, answers: answer("* SEARCH 15 14 13", `* ESEARCH (TAG "$tag") UID ALL 15:1,14:1`, "$tag OK done")},
		{name: "noise", codes: []int{0, 1, 5}, answers: answer("* SEARCH one two", `* ESEARCH (TAG "$tag") UID ALL 1:*,,`, "$tag OK done")},
		{name: "silence", codes: []int{1}, slow: true, answers: for1("UID SEARCH", stall)},
	})
}

// How a mailbox is numbered, when that changes.
func TestNumbers(t *testing.T) {
	change := func(f func(m *script.Mailbox)) func(*script.Account) script.Answers {
		return func(acct *script.Account) script.Answers {
			f(acct.Mailbox("INBOX"))
			return nil
		}
	}
	play(t, []situation{
		{name: "another UIDVALIDITY", codes: []int{0}, answers: change(func(m *script.Mailbox) { m.UIDValidity = 9999 })},
		{name: "another UIDVALIDITY, and back", codes: []int{0}, answers: change(func(m *script.Mailbox) { m.UIDValidity = 9999 }),
			healed: func(acct *script.Account) { acct.Mailbox("INBOX").UIDValidity = 1000 }},
		{name: "another UIDVALIDITY and other UIDs", codes: []int{0}, answers: change(func(m *script.Mailbox) {
			m.UIDValidity = 9999
			for i, msg := range m.Messages {
				msg.UID = uint32(len(m.Messages) - i)
			}
			for i, j := 0, len(m.Messages)-1; i < j; i, j = i+1, j-1 {
				m.Messages[i], m.Messages[j] = m.Messages[j], m.Messages[i]
			}
		})},
		{name: "UIDVALIDITY changes between STATUS and SELECT", codes: []int{0, 1}, answers: func(acct *script.Account) script.Answers {
			swap := func(*script.Peer, script.Command) bool {
				acct.Lock()
				defer acct.Unlock()
				acct.Mailbox("INBOX").UIDValidity = 5555
				return false
			}
			return script.Answers{"EXAMINE": swap, "SELECT": swap}
		}},
		{name: "UIDVALIDITY changes with each SELECT", codes: []int{0, 1}, answers: func(acct *script.Account) script.Answers {
			swap := func(*script.Peer, script.Command) bool {
				acct.Lock()
				defer acct.Unlock()
				acct.Mailbox("INBOX").UIDValidity++
				return false
			}
			return script.Answers{"EXAMINE": swap, "SELECT": swap}
		}},
		{name: "UIDNEXT goes back", codes: []int{0, 1}, answers: change(func(m *script.Mailbox) { m.UIDNext = 3 }),
			healed: func(acct *script.Account) { acct.Mailbox("INBOX").UIDNext = 17 }},
		{name: "MODSEQ goes back", codes: []int{0, 1}, answers: change(func(m *script.Mailbox) { m.ModSeq = 2 }),
			healed: func(acct *script.Account) { acct.Mailbox("INBOX").ModSeq = 99 }},
		{name: "no MODSEQ any more", codes: []int{0}, answers: change(func(m *script.Mailbox) { m.ModSeq = 0 })},
		{name: "another UIDVALIDITY, and no Message-IDs", codes: []int{0}, answers: mute(func(m *script.Mailbox) { m.UIDValidity = 9999 })},
		{name: "two messages change places", codes: []int{0, 1}, answers: change(func(m *script.Mailbox) {
			a, b := m.Messages[5], m.Messages[6]
			a.Body, b.Body = b.Body, a.Body
		})},
	})
}

// mute changes INBOX, and serves it without an answer to who asks for header fields.
func mute(f func(m *script.Mailbox)) func(*script.Account) script.Answers {
	return func(acct *script.Account) script.Answers {
		f(acct.Mailbox("INBOX"))
		return script.Answers{"UID FETCH": func(p *script.Peer, cmd script.Command) bool {
			return strings.Contains(cmd.Args, "HEADER") && say("$tag OK done")(p, cmd)
		}}
	}
}
