package imap

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// listWith lists an account whose server answers LIST with these lines.
func listWith(t *testing.T, caps string, answers script.Answers, want func(state.Listed) bool) (*state.Listing, *script.Server, error) {
	t.Helper()
	acct := boxes()
	acct.Caps = caps
	srv := script.Every(t, script.Healthy(acct, answers))
	l, err := account(t, options(srv)).List(t.Context(), want)
	return l, srv, err
}

func everyMailbox(state.Listed) bool { return true }

func TestListWithStatusIsOneCommand(t *testing.T) {
	l, srv, err := listWith(t, "", nil, everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	want := state.Mark{UIDValidity: 1000, UIDNext: 4, ModSeq: 4, Exists: 3}
	if len(l.Mailboxes) != 2 || !l.Mailboxes[0].HasMark || l.Mailboxes[0].Mark != want {
		t.Errorf("listed %+v", l.Mailboxes)
	}
	if n := sent(srv, `LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))`); n != 1 || sent(srv, "STATUS *") != 0 {
		t.Errorf("sent %q", srv.Commands())
	}
}

// Without LIST-STATUS all STATUS commands are sent before the first is answered.
func TestListPipelinesStatus(t *testing.T) {
	srv := script.New(t, script.Play(`
		S: * PREAUTH [CAPABILITY IMAP4rev1] hello
		C: LIST "" "*"
		S: * LIST (\HasNoChildren) "." INBOX
		S: * LIST () "." "&AOQ-"
		S: * LIST () "." "Old"
		S: * LIST () "." "Off"
		S: * LIST () "." "Bad"
		S: * LIST (\Noselect) "." "Level"
		S: $tag OK listed
		C: STATUS "INBOX" (*)
		C: STATUS "&AOQ-" (*)
		C: STATUS "Old" (*)
		C: STATUS "Bad" (*)
		S: * STATUS "Inbox" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)
		S: W2 OK done
		S: * STATUS "&AOQ-" (MESSAGES 7 UIDNEXT 8 UIDVALIDITY 99999999999)
		S: W3 OK done
		S: * STATUS "Old" (MESSAGES 4 UIDNEXT 5 UIDVALIDITY 6)
		S: W4 OK done
		S: W5 NO [SERVERBUG] cannot
		C: LOGOUT
		S: $tag OK bye
		X: close`))
	l, err := account(t, options(srv)).List(t.Context(), func(m state.Listed) bool { return m.Raw != "Off" })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.Mailboxes {
		got = append(got, fmt.Sprintf("%s %v %d/%d/%d", m.Raw, m.HasMark, m.Mark.Exists, m.Mark.UIDNext, m.Mark.UIDValidity))
	}
	want := []string{"INBOX true 1/2/3", "&AOQ- true 7/8/0", "Old true 4/5/6", "Off false 0/0/0", "Bad false 0/0/0", "Level false 0/0/0"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestListNames(t *testing.T) {
	l, _, err := listWith(t, "IMAP4rev1 NAMESPACE SASL-IR AUTH=PLAIN", script.Answers{
		"NAMESPACE": answer(`* NAMESPACE (("INBOX." ".")("#mine/" "/" "X" ("y")))(("~" "/")) NIL`, "$tag OK done"),
		"LIST": answer(
			`* LIST (\Marked) "." "Inbox"`,
			`* LIST () "." INBOX.Sub`,
			`* LIST () "." "Inbox.Case"`,
			`* LIST () "." "INBOX.INBOX"`,
			`* LIST (\sent) "." "INBOX.a\"b\\c"`,
			`* LIST () "." {7}`+"\r\n"+`INBOX.L`,
			`* LIST () "/" "#mine/x/&AOQ-&APY-"`,
			`* LIST () "." "INBOX.R&D"`,
			`* LIST () "." "INBOX.&AGE-"`,
			`* LIST () NIL "flat.name"`,
			"* LIST () \".\" \"\xc3\xa4\"",
			"* LIST () \".\" \"bad\xff\"",
			`* LIST () "." "INBOX.Sub"`,
			`* LIST (\NoSelect) "." "~ann"`,
			"$tag OK done"),
	}, func(state.Listed) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range l.Mailboxes {
		got = append(got, fmt.Sprintf("%s=%s %s%s%v", m.Raw, strings.Join(m.Levels, "|"), m.Sep, m.Role, m.NoSelect))
	}
	want := []string{
		"Inbox=INBOX .false", "INBOX.Sub=Sub .false", "Inbox.Case=Case .false", "INBOX.INBOX=INBOX|INBOX .false",
		`INBOX.a"b\c=a"b\c .sentfalse`, "INBOX.L=L .false", "#mine/x/&AOQ-&APY-=#mine|x|äö /false",
		"INBOX.R&D=R&D .false", "INBOX.&AGE-=a .false", "flat.name=flat.name false", "ä=ä .false", "~ann=~ann .true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if len(l.Broken) != 1 || !strings.Contains(l.Broken[0], "bad") {
		t.Errorf("broken %q", l.Broken)
	}
}

// With several namespaces two mailboxes may be called alike; only the prefix of the one that
// INBOX lies in says nothing, and it stays on where a name would be another's.
func TestListNamespaces(t *testing.T) {
	for name, c := range map[string]struct {
		namespaces string
		lines      []string
		want       []string
	}{
		"old mail beside": {`(("" "/")("Old/" "/"))`,
			[]string{`() "/" INBOX`, `() "/" Work`, `() "/" Old/Work`, `(\Noselect) "/" Old`},
			[]string{"INBOX", "Work", "Old|Work", "Old"}},
		"the other named first": {`(("Old." ".")("INBOX." "."))`,
			[]string{`() "." INBOX`, `() "." INBOX.Work`, `() "." Old.Work`},
			[]string{"INBOX", "Work", "Old|Work"}},
		"a prefix for all": {`(("Mail/" "/"))`,
			[]string{`() "/" INBOX`, `() "/" Mail/Work`},
			[]string{"INBOX", "Work"}},
		"a name without the prefix, too": {`(("INBOX." "."))`,
			[]string{`() "." INBOX`, `() "." INBOX.Work`, `() "." Work`, `() "." INBOX.Sent`},
			[]string{"INBOX", "INBOX|Work", "Work", "Sent"}},
		"two spellings of one text": {`(("" "/"))`,
			[]string{`() "/" INBOX`, `() "/" a`, `() "/" "&AGE-"`},
			[]string{"INBOX", "a", "&AGE-"}},
		"two separators": {`(("" "/")("Old." "."))`,
			[]string{`() "/" INBOX`, `() "/" Old/Work`, `() "." Old.Work`},
			[]string{"INBOX", "Old/Work", "Old.Work"}},
		"INBOX twice": {`(("" "/"))`,
			[]string{`() "/" INBOX`, `() "/" Inbox`},
			[]string{"INBOX"}},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			for _, l := range c.lines {
				lines = append(lines, "* LIST "+l)
			}
			l, _, err := listWith(t, "IMAP4rev1 NAMESPACE SASL-IR AUTH=PLAIN", script.Answers{
				"NAMESPACE": answer("* NAMESPACE "+c.namespaces+" NIL NIL", "$tag OK done"),
				"LIST":      answer(append(lines, "$tag OK done")...),
			}, func(state.Listed) bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range l.Mailboxes {
				got = append(got, strings.Join(m.Levels, "|"))
			}
			if !slices.Equal(got, c.want) || len(l.Broken) > 0 {
				t.Errorf("got %q, broken %q, want %q", got, l.Broken, c.want)
			}
		})
	}
}

// A mailbox with two special uses has the same one however they are told, and a listing says
// whether it told any at all.
func TestListRoles(t *testing.T) {
	const asks, cannot = "IMAP4rev1 LIST-EXTENDED SPECIAL-USE SASL-IR AUTH=PLAIN", "IMAP4rev1 SASL-IR AUTH=PLAIN"
	for name, c := range map[string]struct {
		caps  string
		lines []string
		role  string
		told  bool
	}{
		"one":                      {asks, []string{`(\Sent) "/" Box`}, "sent", true},
		"none of any":              {asks, []string{`() "/" Box`}, "", true},
		"none of any, unasked":     {cannot, []string{`() "/" Box`}, "", false},
		"told though not asked":    {cannot, []string{`(\HasNoChildren \Drafts) "/" Box`}, "drafts", true},
		"two":                      {asks, []string{`(\All \Archive) "/" Box`}, "archive", true},
		"two, the other way round": {asks, []string{`(\Archive \Flagged \All) "/" Box`}, "archive", true},
		"in two lines":             {asks, []string{`(\Important) "/" Box`, `(\Sent) "/" Box`}, "sent", true},
		"of XLIST":                 {asks, []string{`(\AllMail \Spam) "/" Box`}, "junk", true},
		"what is no use":           {asks, []string{`(\Marked Trash \Odd) "/" Box`}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			answers := []string{}
			for _, line := range c.lines {
				answers = append(answers, "* LIST "+line)
			}
			l, _, err := listWith(t, c.caps, script.Answers{"LIST": answer(append(answers, "$tag OK done")...)}, func(state.Listed) bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			if len(l.Mailboxes) != 1 || l.Mailboxes[0].Role != c.role || l.Uses != c.told {
				t.Errorf("%+v, told %v", l.Mailboxes, l.Uses)
			}
		})
	}
}

// A listing counts only with its tagged OK.
func TestListBrokenOffOrRefused(t *testing.T) {
	for name, c := range map[string]struct {
		answer script.Answer
		kind   state.Kind
	}{
		"closed": {func(p *script.Peer, _ script.Command) bool {
			p.Send(`* LIST () "/" INBOX`)
			p.Close()
			return true
		}, state.Unreachable},
		"no":     {answer(`* LIST () "/" INBOX`, "$tag NO [SERVERBUG] internal"), state.Other},
		"in use": {answer("$tag NO [INUSE] later"), state.Unreachable},
	} {
		t.Run(name, func(t *testing.T) {
			l, _, err := listWith(t, "", script.Answers{"LIST": c.answer}, everyMailbox)
			wantFault(t, err, c.kind, "list mailboxes")
			if l != nil {
				t.Errorf("listed %+v", l)
			}
		})
	}
}

func TestListFallsBackToThePlainCommand(t *testing.T) {
	l, srv, err := listWith(t, "", script.Answers{
		"LIST": func(p *script.Peer, cmd script.Command) bool {
			if strings.Contains(cmd.Args, "RETURN") {
				p.Send("$tag BAD what is RETURN?")
				return true
			}
			return false
		},
	}, everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Mailboxes) != 2 || !l.Mailboxes[1].HasMark || sent(srv, "STATUS *") != 2 {
		t.Errorf("listed %+v after %q", l.Mailboxes, srv.Commands())
	}
}

func TestListObjectID(t *testing.T) {
	l, _, err := listWith(t, "IMAP4rev1 OBJECTID LIST-EXTENDED LIST-STATUS AUTH=PLAIN", script.Answers{
		"LIST": answer(`* LIST () "/" INBOX`, `* STATUS INBOX (MESSAGES 1 UIDNEXT 2 MAILBOXID (F-1) UIDVALIDITY 3 X-ODD ("a" (b)))`, "$tag OK done"),
	}, everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	if m := l.Mailboxes[0]; m.MailboxID != "F-1" || m.Mark.UIDValidity != 3 {
		t.Errorf("listed %+v", m)
	}
}

// Octets that cannot be an id are none: they are others each time.
func TestListObjectIDThatIsNone(t *testing.T) {
	for _, id := range []string{"\xed\xf07\xf0\xb0U", "^g4", "", strings.Repeat("a", 256)} {
		l, _, err := listWith(t, "IMAP4rev1 OBJECTID LIST-EXTENDED LIST-STATUS AUTH=PLAIN", script.Answers{
			"LIST": answer(`* LIST () "/" INBOX`, `* STATUS INBOX (MESSAGES 1 UIDNEXT 2 MAILBOXID (`+id+`) UIDVALIDITY 3)`, "$tag OK done"),
		}, everyMailbox)
		if err != nil {
			t.Fatal(err)
		}
		if m := l.Mailboxes[0]; m.MailboxID != "" || m.Mark.UIDValidity != 3 {
			t.Errorf("%.9q: listed %+v", id, m)
		}
	}
}

// An id that breaks its line costs one more try, and nothing but the id.
func TestListWithoutAnObjectIDThatCannotBeRead(t *testing.T) {
	l, srv, err := listWith(t, "IMAP4rev1 OBJECTID LIST-EXTENDED LIST-STATUS AUTH=PLAIN", script.Answers{
		"LIST": func(p *script.Peer, cmd script.Command) bool {
			p.Send(`* LIST () "/" INBOX`)
			if strings.Contains(cmd.Args, "MAILBOXID") {
				p.Send("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 MAILBOXID (F-")
				p.Send("V) HIGHESTMODSEQ 42)")
			} else {
				p.Send("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 HIGHESTMODSEQ 42)")
			}
			p.Send("$tag OK done")
			return true
		},
	}, everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	if m := l.Mailboxes[0]; m.MailboxID != "" || m.Mark.ModSeq != 42 || srv.Accepted() != 2 {
		t.Errorf("listed %+v over %d connections", m, srv.Accepted())
	}
}

// So does one that leaves the line whole, and cannot be read in it: on the same connection.
func TestListWithoutAnObjectIDThatGarblesItsLine(t *testing.T) {
	for _, caps := range []string{"LIST-EXTENDED LIST-STATUS", ""} {
		status := func(p *script.Peer, cmd script.Command) {
			if strings.Contains(cmd.Args, "MAILBOXID") {
				p.Send("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 MAILBOXID (F)\"V) HIGHESTMODSEQ 42)")
			} else {
				p.Send("* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 HIGHESTMODSEQ 42)")
			}
		}
		l, srv, err := listWith(t, strings.TrimSpace("IMAP4rev1 OBJECTID AUTH=PLAIN "+caps), script.Answers{
			"LIST": func(p *script.Peer, cmd script.Command) bool {
				p.Send(`* LIST () "/" INBOX`)
				if strings.Contains(cmd.Args, "STATUS") {
					status(p, cmd)
				}
				p.Send("$tag OK done")
				return true
			},
			"STATUS": func(p *script.Peer, cmd script.Command) bool {
				status(p, cmd)
				p.Send("$tag OK done")
				return true
			},
		}, everyMailbox)
		if err != nil {
			t.Fatal(err)
		}
		if m := l.Mailboxes[0]; m.MailboxID != "" || !m.HasMark || m.Mark.ModSeq != 42 || srv.Accepted() != 1 {
			t.Errorf("%q: listed %+v over %d connections", caps, m, srv.Accepted())
		}
	}
}

// However many mailboxes there are, they cost one round trip; names of every kind.
func TestStatusOfManyMailboxesIsOneRoundTrip(t *testing.T) {
	const n = 500
	srv := script.New(t, func(p *script.Peer) {
		p.Send("* PREAUTH [CAPABILITY IMAP4rev1] hello")
		p.Expect(`LIST "" "*"`)
		for i := range n {
			p.Sendf(`* LIST () "/" "&AOQ-%d"`, i)
		}
		p.Send("$tag OK listed")
		var tags []string
		for i := range n {
			p.Expect(fmt.Sprintf(`STATUS "&AOQ-%d" (MESSAGES UIDNEXT UIDVALIDITY)`, i))
			tags = append(tags, p.Tag)
		}
		for i, tag := range tags {
			p.Sendf(`* STATUS "&AOQ-%d" (MESSAGES %d UIDNEXT 9 UIDVALIDITY 8)`, i, i)
			p.Send(tag + " OK done")
		}
		p.Expect("LOGOUT")
		p.Send("$tag OK bye")
	})
	l, err := account(t, options(srv)).List(t.Context(), everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range l.Mailboxes {
		if !m.HasMark || m.Mark.Exists != uint32(i) {
			t.Errorf("%d is %+v", i, m)
		}
	}
}

// A server that asks to be left alone is left alone, also where it says so with BAD.
func TestListObeysAServerThatIsBusy(t *testing.T) {
	for verb, caps := range map[string]string{"LIST": "IMAP4rev1 LIST-EXTENDED LIST-STATUS", "STATUS": "IMAP4rev1", "AUTHENTICATE": "IMAP4rev1 AUTH=PLAIN SASL-IR"} {
		acct := boxes()
		acct.Caps = caps
		var once sync.Once
		srv := script.Every(t, script.Healthy(acct, script.Answers{verb: func(p *script.Peer, _ script.Command) (refused bool) {
			once.Do(func() {
				p.Send("$tag BAD Request is throttled. Suggested Backoff Time: 3000 milliseconds")
				refused = true
			})
			return refused
		}}))
		a := account(t, options(srv), func(o *Options) { o.MaxWait = time.Minute })
		waited := new(waits).in(a)
		l, err := a.List(t.Context(), everyMailbox)
		if err != nil || len(l.Mailboxes) != 2 || !l.Mailboxes[1].HasMark {
			t.Errorf("%s: %+v, %v", verb, l, err)
		}
		if len(waited.all) != 1 || waited.all[0] != 3*time.Second {
			t.Errorf("%s: waited %v", verb, waited.all)
		}
	}
}

// Who we are, the namespaces and the listing are asked for together: with a server far
// away, each question that waits for an answer costs a round trip. The prefix is taken off
// although it becomes known only then.
func TestListAsksAllAtOnce(t *testing.T) {
	srv := script.New(t, script.Play(`
		S: * PREAUTH [CAPABILITY IMAP4rev1 ID NAMESPACE] hello
		C: ID (*)
		C: NAMESPACE
		C: LIST "" "*"
		S: * ID NIL
		S: W1 OK done
		S: * LIST () "." INBOX
		S: * NAMESPACE (("INBOX." ".")) NIL NIL
		S: W2 OK done
		S: * LIST () "." "INBOX.Work"
		S: W3 OK done
		C: STATUS *
		C: STATUS *
		S: W4 OK done
		S: W5 OK done
		C: LOGOUT
		S: $tag OK bye
		X: close`))
	listing, err := account(t, options(srv)).List(t.Context(), everyMailbox)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range listing.Mailboxes {
		names = append(names, strings.Join(m.Levels, "/"))
	}
	if !slices.Equal(names, []string{"INBOX", "Work"}) {
		t.Errorf("listed %q", names)
	}
}

// Mailbox ids that break their line are done without, also where STATUS told them.
func TestStatusWithoutMailboxIDs(t *testing.T) {
	acct := boxes()
	acct.Caps = "IMAP4rev1 OBJECTID"
	srv := script.Every(t, func(p *script.Peer) {
		p.MayEnd = true
		script.Healthy(acct, script.Answers{"STATUS": func(p *script.Peer, cmd script.Command) bool {
			if !strings.Contains(cmd.Args, "MAILBOXID") {
				return false
			}
			p.Send("* STATUS \"INBOX\" (MESSAGES 3 MAILBOXID (F\r\n3) UIDNEXT 4)")
			p.Send("$tag OK done")
			return true
		}})(p)
	})
	l, err := account(t, options(srv)).List(t.Context(), everyMailbox)
	if err != nil || len(l.Mailboxes) != 2 || !l.Mailboxes[0].HasMark || l.Mailboxes[0].Mark.UIDValidity != inboxValidity {
		t.Errorf("%+v, %v: %q", l, err, srv.Commands())
	}
}
