//go:build unix

package hostile

import (
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/program"
)

// Names of mailboxes that could lead out of the root, collide, or be taken for something
// else. Each mailbox has one message, and the run with the bad names is an ordinary one:
// they may be refused one by one, but what can be read is fetched.
func TestMailboxNames(t *testing.T) {
	long := strings.Repeat("x", 300)
	groups := map[string][]string{
		"up and out":          {"..", ".", "../evil", "a/../../evil", "../../../../../../tmp/evil", "/etc/passwd", "//", "a//b", "/", "INBOX/../x"},
		"of Maildirs":         {"cur", "new", "tmp", "INBOX/cur", "a/new", "tmp/tmp"},
		"of ours":             {".mailsync", "mailsync.state", "mailsync.marker", "a/mailsync.marker", "INBOX/mailsync.marker", "state.db", "trash"},
		"of other programs":   {"dovecot-keywords", "dovecot.index", "dovecot-uidlist", "maildirfolder", "courierimapuiddb", "subscriptions", ".notmuch", "maildirsize"},
		"leading dots":        {".hidden", "..hidden", "a/.b", "...", ". .", ".Archive.2024"},
		"blanks and dots":     {" ", " lead", "trail ", "dot.", "dots...", "a. ", "  "},
		"of Windows":          {"CON", "nul", "COM1", "lpt9", "aux.txt", "a:b", "a*b", "a?b", `a\b`, "a|b", "a<b>", `quo"te`},
		"per cent":            {"%", "%2F", "%41", "100%", "%2e%2e", "a%b"},
		"equal but for case":  {"Lists", "lists", "LISTS", "lIsTs", "Lists/Go", "lists/go"},
		"equal but for form":  {"Caf&AOk-", "Cafe&AwE-", "&ZeVnLIqe-", "&AOQ-rger", "a&Awg-rger"},
		"UTF-7 that is wrong": {"&", "&-", "&&", "a&b", "&AOk", "&2D0-", "&AAA-", "&AC8-", "&AC4ALg-", "caf\xc3\xa9", "raw\xff\xfe"},
		"long":                {long, long + "/" + long, strings.Repeat("deep/", 60) + "end", strings.Repeat("&ZeVnLIqe-", 40)},
		"control characters":  {"a\x07b", "a\x1b[31mb", "a\tb", "a\x7fb", "a\x01"},
		"twice":               {"Twice", "Twice", "inbox", "Inbox", "INBOX"},
		"of the shell":        {"$(reboot)", "`id`", "; rm -rf ~", "-rf", "--help", "~", "~root", "$HOME"},
	}
	for name, names := range groups {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newIMAP(t, situation{})
			beside := l.outside()
			l.acct.Lock()
			for i, n := range names {
				if l.acct.Mailbox(n) != nil && !strings.EqualFold(n, "INBOX") {
					continue
				}
				if strings.EqualFold(n, "INBOX") {
					l.acct.Mailboxes = append(l.acct.Mailboxes, &script.Mailbox{Name: n, UIDValidity: 7, UIDNext: 1, ModSeq: 1})
					continue
				}
				l.acct.Add(n, letter(100+i))
			}
			l.acct.Unlock()
			o := l.sync()
			if !slices.Contains([]int{0, 1}, o.Code) {
				t.Errorf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
			}
			mail, _ := l.files()
			have := bodies(mail)
			for body, n := range l.onServer() {
				if have[body] != n && (o.Code == 0 || have[body] > n) {
					t.Errorf("%d times on the server, %d on disk: %s", n, have[body], short(body))
				}
			}
			for n := range 12 {
				if have[letter(n)] != 1 {
					t.Errorf("INBOX lacks number %d", n)
				}
			}
			if again := l.sync(); again.Code != o.Code || again.account.Fetched != 0 {
				t.Errorf("again: exit %d, fetched %d\n%s", again.Code, again.account.Fetched, program.Tail(again.Stderr))
			}
			if now := l.outside(); !slices.Equal(now, beside) {
				t.Errorf("outside the root there was %q, there is %q", beside, now)
			}
		})
	}
}

// Twenty thousand mailboxes are listed in bounded memory and time. Most of them are kept
// out by the configuration, as somebody's with so many would be.
func TestTwentyThousandMailboxes(t *testing.T) {
	situation{name: "twenty thousand", codes: []int{0, 1}, slow: true, answers: for1("LIST", func(p *script.Peer, cmd script.Command) bool {
		if strings.HasSuffix(cmd.Args, `"" ""`) {
			return false
		}
		for i := range 20000 {
			p.Sendf(`* LIST (\HasNoChildren) "/" "Many/number %d"`, i)
		}
		return false
	}), lines: []string{`exclude = ["Many/*"]`}}.play(t)
}

// What LIST and STATUS answer, when they answer wrongly.
func TestListings(t *testing.T) {
	none, some, unreachable := []int{1}, []int{0, 1}, []int{5}
	list := func(lines ...string) func(*script.Account) script.Answers {
		return for1("LIST", func(p *script.Peer, cmd script.Command) bool {
			if strings.HasSuffix(cmd.Args, `"" ""`) {
				return false
			}
			return say(lines...)(p, cmd)
		})
	}
	before := func(lines ...string) func(*script.Account) script.Answers {
		return for1("LIST", func(p *script.Peer, cmd script.Command) bool {
			say(lines...)(p, cmd)
			return false
		})
	}
	play(t, []situation{
		{name: "NO", codes: none, answers: list("$tag NO not today")},
		{name: "BAD", codes: none, answers: list("$tag BAD what")},
		{name: "nothing", codes: none, answers: list("$tag OK done")},
		{name: "only INBOX", codes: some, answers: list(`* LIST () "/" INBOX`, `* STATUS INBOX (MESSAGES 15 UIDNEXT 16 UIDVALIDITY 1000)`, "$tag OK done")},
		{name: "no INBOX", codes: some, answers: list(`* LIST () "/" Archive`, "$tag OK done")},
		{name: "half, then the end", codes: []int{1, 5}, answers: for1("LIST", func(p *script.Peer, _ script.Command) bool {
			p.Send(`* LIST () "/" INBOX`)
			p.Close()
			return true
		})},
		{name: "half, then silence", codes: unreachable, answers: for1("LIST", func(p *script.Peer, _ script.Command) bool {
			p.Send(`* LIST () "/" INBOX`)
			p.Stall()
			return true
		})},
		{name: "silence", codes: unreachable, answers: for1("LIST", stall)},
		{name: "all gone", codes: some, answers: list(`* LIST (\NonExistent) "/" INBOX`, `* LIST (\Noselect) "/" Archive`, "$tag OK done")},
		{name: "a line that cannot be read", codes: some, answers: before(`* LIST (\HasNoChildren "/" broken`, `* LIST`, `* LIST () / /`)},
		{name: "no separator", codes: some, answers: before(`* LIST () NIL "a.b/c"`)},
		{name: "a separator of five octets", codes: some, answers: before(`* LIST () "/////" "a/b"`)},
		{name: "an empty name", codes: some, answers: before(`* LIST () "/" ""`)},
		{name: "a name as a literal", codes: some, answers: before("* LIST () \"/\" {5}\r\nab\r\nc")},
		{name: "a name with a NUL", codes: some, answers: before("* LIST () \"/\" {3}\r\na\x00b")},
		{name: "a literal that never ends", codes: []int{0, 1, 5}, answers: before("* LIST () \"/\" {99999999}\r\nab")},
		{name: "STATUS of mailboxes that are not there", codes: some, answers: before("* STATUS nowhere (MESSAGES 3 UIDNEXT 9 UIDVALIDITY 1)", "* STATUS INBOX (MESSAGES -1 UIDNEXT x)")},
		{name: "STATUS with numbers that are too large", codes: some, answers: before("* STATUS INBOX (MESSAGES 99999999999999999999 UIDNEXT 99999999999 UIDVALIDITY 99999999999 HIGHESTMODSEQ 99999999999999999999999)")},
		{name: "STATUS that says all is empty", codes: some, answers: func(acct *script.Account) script.Answers {
			return script.Answers{"LIST": func(p *script.Peer, cmd script.Command) bool {
				if !strings.Contains(cmd.Args, "STATUS") {
					return false
				}
				for _, m := range acct.Mailboxes {
					p.Sendf(`* LIST () "/" %q`, m.Name)
					p.Sendf(`* STATUS %q (MESSAGES 0 UIDNEXT 1 UIDVALIDITY %d HIGHESTMODSEQ 1)`, m.Name, m.UIDValidity)
				}
				p.Send("$tag OK done")
				return true
			}}
		}},
		{name: "ten times the same", codes: some, answers: before(slices.Repeat([]string{`* LIST () "/" INBOX`}, 10)...)},
		{name: "every role at once", codes: some, answers: before(`* LIST (\Junk \Trash \Sent \All \Drafts \Archive \Flagged) "/" Archive`)},
		{name: "a NAMESPACE like noise", codes: some, answers: for1("NAMESPACE", say("* NAMESPACE ((((", "$tag OK done"))},
		{name: "NAMESPACE refused", codes: some, answers: for1("NAMESPACE", say("$tag BAD no"))},
		{name: "a namespace prefix that leads out", codes: some, answers: for1("NAMESPACE", say(`* NAMESPACE (("../" "/")) NIL NIL`, "$tag OK done"))},
	})
}
