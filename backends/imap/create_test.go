package imap

import (
	"slices"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

func TestCreateMailboxSpellsTheName(t *testing.T) {
	for name, c := range map[string]struct {
		namespace, sep string
		levels         []string
		raw            string // "" is refused
	}{
		"plain":                {`(("" "/")) NIL NIL`, "/", []string{"Work", "2024"}, "Work/2024"},
		"text":                 {`(("" "/")) NIL NIL`, "/", []string{"Entwürfe & mehr", "日本"}, "Entw&APw-rfe &- mehr/&ZeVnLA-"},
		"beyond 16 bits":       {`(("" "/")) NIL NIL`, "/", []string{"😀x"}, "&2D3eAA-x"},
		"prefix":               {`(("INBOX." ".")) NIL NIL`, ".", []string{"Work", "2024"}, "INBOX.Work.2024"},
		"below INBOX":          {`(("" "/")) NIL NIL`, "/", []string{"INBOX", "x"}, "INBOX/x"},
		"INBOX in a prefix":    {`(("INBOX." ".")) NIL NIL`, ".", []string{"INBOX", "INBOX"}, "INBOX.INBOX"},
		"INBOX above a prefix": {`(("INBOX." ".")) NIL NIL`, ".", []string{"INBOX", "x"}, "INBOX.x"},
		"INBOX":                {`(("" "/")) NIL NIL`, "/", []string{"inbox"}, "INBOX"},
		"in a second one":      {`(("" "/")("Old/" "/")) NIL NIL`, "/", []string{"Old", "Work"}, "Old/Work"},
		"beside a second one":  {`(("Old." ".")("INBOX." ".")) NIL NIL`, ".", []string{"Work"}, "INBOX.Work"},
		"another separator":    {`(("" "/")("Old." ".")) NIL NIL`, "/", []string{"Old", "Work", "a"}, "Old.Work.a"},
		"as long as a prefix":  {`(("" "/")("Old/" "/")) NIL NIL`, "/", []string{"Old"}, "Old"},
		"no namespace":         {"", ".", []string{"a", "b"}, "a.b"},
		"the separator in it":  {`(("" "/")) NIL NIL`, "/", []string{"a/b"}, ""},
		"an empty level":       {`(("" "/")) NIL NIL`, "/", []string{"a", ""}, ""},
		"a line end":           {`(("" "/")) NIL NIL`, "/", []string{"a\r\nb"}, ""},
		"no levels there":      {"", "", []string{"a", "b"}, ""},
		"flat":                 {"", "", []string{"a/b"}, "a/b"},
	} {
		t.Run(name, func(t *testing.T) {
			acct := script.NewAccount()
			answers := script.Answers{}
			acct.Caps = "IMAP4rev1"
			if c.namespace != "" {
				acct.Caps += " NAMESPACE"
				answers["NAMESPACE"] = answer("* LIST () NIL unasked", "* NAMESPACE "+c.namespace, "$tag OK done")
			}
			sep := `"` + c.sep + `"`
			if c.sep == "" {
				sep = "NIL"
			}
			answers["LIST"] = func(p *script.Peer, cmd script.Command) bool {
				sep := sep
				if strings.Contains(cmd.Args, "Old.") { // a namespace with a separator of its own
					sep = `"."`
				}
				if cmd.Args == `"" ""` {
					p.Send(`* LIST (\Noselect) ` + sep + ` ""`)
				} else {
					p.Send(`* LIST () ` + sep + " " + strings.TrimPrefix(cmd.Args, `"" `))
				}
				p.Send("$tag OK done")
				return true
			}
			srv := script.Every(t, script.Healthy(acct, answers))
			m, err := account(t, options(srv)).CreateMailbox(t.Context(), c.levels, "")
			if c.raw == "" {
				if err == nil || sent(srv, "CREATE *") != 0 {
					t.Errorf("made %+v: %q", m, srv.Commands())
				}
				return
			}
			levels := c.levels
			switch c.raw {
			case "INBOX":
				levels = []string{"INBOX"}
			case "INBOX.x":
				levels = []string{"x"}
			}
			if err != nil || m.Raw != c.raw || (m.Sep != c.sep && !strings.HasPrefix(m.Raw, "Old.")) || !slices.Equal(m.Levels, levels) || !m.HasMark || !m.Subscribed {
				t.Errorf("made %+v, %v: %q", m, err, srv.Commands())
			}
		})
	}
}

func TestCreateMailboxWithARole(t *testing.T) {
	for name, c := range map[string]struct {
		caps    string
		create  script.Answer
		creates []string
		role    string
		want    string // of the error
	}{
		"with the use":        {"CREATE-SPECIAL-USE", nil, []string{`CREATE "Spam" (USE (\Junk))`}, "junk", ""},
		"without":             {"", nil, []string{`CREATE "Spam"`}, "", ""},
		"the use is refused":  {"CREATE-SPECIAL-USE", refuseUse("$tag NO [USEATTR] there is one"), []string{`CREATE "Spam" (USE (\Junk))`, `CREATE "Spam"`}, "", ""},
		"the use is not read": {"CREATE-SPECIAL-USE", refuseUse("$tag BAD what"), []string{`CREATE "Spam" (USE (\Junk))`, `CREATE "Spam"`}, "", ""},
		"refused":             {"", answer("$tag NO [NOPERM] not yours"), []string{`CREATE "Spam"`}, "", "not yours"},
		"made and not listed": {"", answer("$tag OK made"), []string{`CREATE "Spam"`}, "", "not list it"},
	} {
		t.Run(name, func(t *testing.T) {
			acct := script.NewAccount()
			acct.Caps = strings.TrimSpace("IMAP4rev1 LIST-EXTENDED SPECIAL-USE " + c.caps)
			answers := script.Answers{}
			if c.create != nil {
				answers["CREATE"] = c.create
			}
			srv := script.Every(t, script.Healthy(acct, answers))
			m, err := account(t, options(srv)).CreateMailbox(t.Context(), []string{"Spam"}, "junk")
			if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("%+v, %v: %q", m, err, srv.Commands())
			}
			if err == nil && (m.Role != c.role || m.Raw != "Spam") {
				t.Errorf("made %+v", m)
			}
			var creates []string
			for _, cmd := range srv.Commands() {
				if strings.HasPrefix(cmd, "CREATE") {
					creates = append(creates, cmd)
				}
			}
			if !slices.Equal(creates, c.creates) {
				t.Errorf("sent %q", creates)
			}
		})
	}
}

func refuseUse(text string) script.Answer {
	return func(p *script.Peer, cmd script.Command) bool {
		if strings.Contains(cmd.Args, "USE") {
			p.Send(text)
			return true
		}
		return false
	}
}

// One that is there is no error, however the server says so.
func TestCreateMailboxThatIsThere(t *testing.T) {
	for _, text := range []string{"$tag NO [ALREADYEXISTS] it is there", "$tag NO Mailbox exists.", "$tag NO [CANNOT] no"} {
		acct := boxes()
		srv := script.Every(t, script.Healthy(acct, script.Answers{"CREATE": answer(text)}))
		m, err := account(t, options(srv)).CreateMailbox(t.Context(), []string{"Old"}, "")
		if err != nil || m.Raw != "Old" || m.Mark.Exists != 3 {
			t.Errorf("%s: %+v, %v", text, m, err)
		}
	}
	srv := script.Every(t, script.Healthy(boxes(), nil))
	if _, err := account(t, options(srv), func(o *Options) { o.ReadOnly = true }).CreateMailbox(t.Context(), []string{"x"}, ""); err == nil || len(srv.Commands()) > 0 {
		t.Errorf("a backup made a mailbox: %q", srv.Commands())
	}
}

// Cyrus 3.6.1 tells a MAILBOXID that breaks its line now and then: a mailbox that is made
// does not depend on it.
func TestCreateMailboxAsksForNoID(t *testing.T) {
	acct := boxes()
	acct.Caps = "IMAP4rev1 OBJECTID"
	srv := script.Every(t, script.Healthy(acct, nil))
	m, err := account(t, options(srv)).CreateMailbox(t.Context(), []string{"New"}, "")
	if err != nil || !m.HasMark || slices.ContainsFunc(srv.Commands(), func(c string) bool { return strings.Contains(c, "MAILBOXID") }) {
		t.Errorf("made %+v, %v: %q", m, err, srv.Commands())
	}
}

func TestQuota(t *testing.T) {
	for name, c := range map[string]struct {
		caps  string
		lines []string
		want  []state.Quota
	}{
		"Dovecot": {"QUOTA", []string{`* QUOTAROOT INBOX "User quota"`, `* QUOTA "User quota" (STORAGE 10 10240 MESSAGE 3 20000)`},
			[]state.Quota{{Root: "User quota", Used: 10 << 10, Limit: 10 << 20}}},
		"Cyrus, another root too": {"QUOTA", []string{`* QUOTAROOT "INBOX" INBOX`, `* QUOTA Other (STORAGE 1 2)`, `* QUOTA INBOX (MESSAGE 1 2 storage 4 5)`},
			[]state.Quota{{Root: "INBOX", Used: 4 << 10, Limit: 5 << 10}}},
		"Courier without a limit": {"QUOTA", []string{`* QUOTAROOT "INBOX" "ROOT"`, `* QUOTA "ROOT"`}, nil},
		"an empty list":           {"QUOTA", []string{`* QUOTAROOT INBOX ""`, `* QUOTA "" ()`}, nil},
		"no roots":                {"QUOTA", []string{`* QUOTAROOT INBOX`}, nil},
		"no QUOTAROOT":            {"QUOTA", []string{`* QUOTA "" (STORAGE 1 2)`}, []state.Quota{{Used: 1 << 10, Limit: 2 << 10}}},
		"numbers gone mad":        {"QUOTA", []string{`* QUOTAROOT INBOX a b`, `* QUOTA a (STORAGE 99999999999999999999999 1)`, `* QUOTA b (STORAGE 18446744073709551615 1)`}, []state.Quota{{Root: "b", Used: 1<<63 - 1, Limit: 1 << 10}}},
		"no QUOTA":                {"", nil, nil},
	} {
		acct := boxes()
		acct.Caps = "IMAP4rev1 " + c.caps
		srv := script.Every(t, script.Healthy(acct, script.Answers{"GETQUOTAROOT": answer(append(c.lines, "$tag OK done")...)}))
		got, err := account(t, options(srv)).Quota(t.Context(), "INBOX")
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestIdents(t *testing.T) {
	for caps, item := range map[string]string{"": "", "OBJECTID": " EMAILID", "X-GM-EXT-1": " X-GM-MSGID"} {
		acct := boxes()
		acct.Caps = strings.TrimSpace("IMAP4rev1 " + caps)
		more := map[string]string{"": "", "OBJECTID": " EMAILID (Mf1)", "X-GM-EXT-1": " X-GM-MSGID 1278455344230334865"}[caps]
		srv := script.Every(t, script.Healthy(acct, script.Answers{"UID FETCH": answer(
			`* 1 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> `+script.Literal("Message-ID:\r\n <a@example.org>\r\n")+more+")",
			`* 2 FETCH (BODY[HEADER.FIELDS ("Message-ID")]<0> "message-id : <b> " UID 2`+more+")",
			`* 3 FETCH (UID 3 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> ""`+more+")",
			`* 2 FETCH (UID 2 FLAGS (\Seen))`,
			`* 4 FETCH (UID 9 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> NIL)`,
			"$tag OK done")}))
		got, err := account(t, options(srv)).Idents(t.Context(), "INBOX", inboxValidity, uids(3, 1, 2))
		id := strings.Trim(more[strings.LastIndex(more, " ")+1:], "()")
		want := []state.Ident{{UID: 1, MessageID: "<a@example.org>", EmailID: id}, {UID: 2, MessageID: "<b>", EmailID: id}, {UID: 3, EmailID: id}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %+v, %v", caps, got, err)
		}
		if n := sent(srv, "UID FETCH 1:3 (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]<0.4096>"+item+")"); n != 1 || sent(srv, "EXAMINE *") != 1 {
			t.Errorf("%s: sent %q", caps, srv.Commands())
		}
	}
}

func TestIdentsRefused(t *testing.T) {
	srv := script.Every(t, script.Healthy(boxes(), script.Answers{"UID FETCH": answer("* 1 FETCH (UID 1 BODY[HEADER.FIELDS (MESSAGE-ID)] (", "$tag OK done")}))
	if got, err := account(t, options(srv)).Idents(t.Context(), "INBOX", inboxValidity, uids(1)); err == nil {
		t.Errorf("an answer that cannot be read gave %+v", got)
	}
	if _, err := account(t, options(srv)).Idents(t.Context(), "INBOX", 7, uids(1)); err == nil {
		t.Error("another generation was read")
	}
}

func TestMessageIDs(t *testing.T) {
	for header, want := range map[string]string{
		"Message-ID: <a@b>\r\n\r\n":                         "<a@b>",
		"MESSAGE-ID:<a@b>\n":                                "<a@b>",
		"Message-Id:\r\n\t<a@b>\r\n \r\n":                   "<a@b>",
		"Message-ID: <a\r\n b>\r\nMessage-ID: <c>\r\n":      "<a b>",
		" Message-ID: <folded>\r\nMessage-ID: <c>\r\n":      "<c>",
		"Message-ID: \r\n":                                  "",
		"\r\n":                                              "",
		"Message-ID: " + strings.Repeat("x", 4096) + "\r\n": "",
	} {
		if got := messageID(header); got != want {
			t.Errorf("%.40q: %q, want %q", header, got, want)
		}
	}
}
