package sync_test

import (
	"fmt"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
	"mailsync/sync/port"
)

// Servers on mbox keep what they know of a message in its header (X-UID, X-UIDL, Status), and rewrite it
// with each flag. That is the same message: the new bytes take the place of the old, which go to the
// trash, and nothing is doubled, however often it happens.
func TestAHeaderThatTheServerRewrites(t *testing.T) {
	l := filled()
	l.clean(t)
	whole := l.onServer("INBOX", "Archive", "Lists/Go")
	plain := body(1)
	l.change = func(a *port.Account) { a.Full = true }
	for n := range 12 {
		now := fmt.Sprintf("X-UID: 1%s\r\nStatus: RO\r\n%s", strings.Repeat("0", n), plain)
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body = now; m.Find(2).Size = -1 })
		for i := range whole {
			if strings.Contains(whole[i], plain) {
				whole[i] = "INBOX " + now
			}
		}
		l.clean(t)
		l.clean(t)
		if got, want := strings.Join(l.bodies(t), "\n"), strings.Join(sorted(whole), "\n"); got != want {
			t.Fatalf("after change %d on disk\n%.900s\nwant\n%.900s", n+1, got, want)
		}
		if rec := l.record(t, "INBOX", 2); rec.Status != state.Live {
			t.Errorf("it is %v", rec.Status)
		}
		if got := len(l.trash(t)); got != n+1 {
			t.Errorf("%d files in the trash after change %d", got, n+1)
		}
	}
	v := l.verify()
	v.Server = l.server
	l.verified(t, v, "")
	l.change = nil
	l.clean(t)
	l.idle(t)
}

// Where anything else differs, the server may have spoiled what is here whole: both stay.
func TestATextThatChangesUnderOneUID(t *testing.T) {
	for _, c := range []struct {
		name string
		now  func(string) string
		date int64
	}{
		{"one octet of the text", func(b string) string { return "X-UID: 1\r\n" + strings.Replace(b, "Text of 1", "Text of !", 1) }, 0},
		{"no text", func(b string) string { return b[:strings.Index(b, "\r\n\r\n")+4] }, 0},
		{"no empty line", func(b string) string { return strings.Replace(b, "\r\n\r\n", "\r\n", 1) }, 0},
		{"another Message-ID", func(b string) string { return strings.Replace(b, "<1@", "<other@", 1) }, 0},
		{"no Message-ID", func(b string) string { return b[strings.Index(b, "\r\n")+2:] }, 0},
		{"another date", func(b string) string { return "X-UID: 1\r\n" + b }, 60},
		{"nothing", func(string) string { return "" }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := filled()
			l.clean(t)
			before := len(l.bodies(t))
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				m.Find(2).Body, m.Find(2).Size = c.now(body(1)), -1
				m.Find(2).Date += c.date
			})
			l.change = func(a *port.Account) { a.Full = true }
			l.clean(t)
			l.clean(t)
			all := strings.Join(l.bodies(t), "\x00")
			if len(l.bodies(t)) != before+1 || !strings.Contains(all, body(1)) || !strings.Contains(all, c.now(body(1))) || len(l.trashed(t)) != 0 {
				t.Errorf("%d are here, %d were; in the trash %q", len(l.bodies(t)), before, l.trashed(t))
			}
		})
	}
}

// The same on POP3, where a server stamps its own unique-id into the message that it hands out.
func TestPOP3HeaderThatTheServerRewrites(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(3)...))
	l.settle(t)
	for n := range 3 {
		for i, m := range l.box.Messages {
			m.Body = fmt.Sprintf("X-UIDL: %d%s\r\n%s", i, strings.Repeat("x", n), popMails(3)[i])
		}
		l.settle(t)
		if got := l.mails(t); len(got) != 3 || !strings.HasPrefix(got[0], "X-UIDL: 0"+strings.Repeat("x", n)+"\r") {
			t.Fatalf("%d are here: %.300q", len(got), got)
		}
	}
	l.base = mem.NewBase()
	for i, m := range l.box.Messages {
		m.Body = fmt.Sprintf("X-UIDL: %d again and again\r\n%s", i, popMails(3)[i])
	}
	l.settle(t)
	if got := l.mails(t); len(got) != 3 {
		t.Errorf("without the state %d are here: %.300q", len(got), got)
	}
}

// However long the header is.
func TestALongHeaderThatTheServerRewrites(t *testing.T) {
	l := filled()
	long := strings.Replace(body(1), "\r\n\r\n", "\r\n"+strings.Repeat("X-Long: "+strings.Repeat("x", 70)+"\r\n", 20000)+"\r\n", 1)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body, m.Find(2).Size = long, -1 })
	l.clean(t)
	n := len(l.bodies(t))
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Find(2).Body, m.Find(2).Size = "X-UID: 1\r\n"+long, -1 })
	l.change = func(a *port.Account) { a.Full = true }
	l.clean(t)
	l.clean(t)
	if got := l.bodies(t); len(got) != n || len(l.trash(t)) != 1 {
		t.Errorf("%d are here, %d were, %d in the trash", len(got), n, len(l.trash(t)))
	}
}
