package sync_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// port is where a lab's mail is restored to.
type restorePort struct {
	lab    *lab
	server *mem.Server
	base   *mem.Base // of the account there
	change func(*restore.Restore)
}

func newPort(l *lab) *restorePort {
	return &restorePort{lab: l, server: mem.NewServer(), base: mem.NewBase()}
}

func (p *restorePort) restore(t testing.TB, step func(string) error) *restore.Restoration {
	t.Helper()
	rows, err := p.lab.base.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r := &restore.Restore{Server: p.server, Base: p.base, Since: state.NoDate, Connections: 2, Step: step,
		Wait: func(context.Context, time.Duration) error { return nil }}
	files := p.lab.verify().Tree
	for _, row := range rows {
		md, err := files.Open(row.Path)
		if err != nil {
			t.Fatal(err)
		}
		r.From = append(r.From, port.Source{Name: row.Path, Levels: strings.Split(row.Path, "/"), Role: row.Use, Maildir: md, Row: row})
	}
	if p.change != nil {
		p.change(r)
	}
	return r.Run(t.Context(), memory{p.lab.base})
}

// spell is everything on a server, without UIDs.
func spell(s *mem.Server, boxes ...string) string {
	var lines []string
	for _, raw := range boxes {
		s.Change(raw, func(m *mem.Mailbox) {
			if m == nil {
				lines = append(lines, raw+" is not there")
				return
			}
			for _, msg := range m.Messages {
				lines = append(lines, fmt.Sprintf("%s %d %v %.60q", raw, msg.Date, slices.Sorted(maps.Keys(msg.Flags)), msg.Body))
			}
		})
	}
	slices.SortFunc(lines, cmp.Compare)
	return strings.Join(lines, "\n")
}

var labBoxes = []string{"INBOX", "Archive", "Lists/Go"}

// shipped is a lab with flags and a keyword, after a run, and what a server has to hold once it
// was restored.
func shipped(t testing.TB) (*lab, string) {
	l := filled()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Flag(1, "$label1", true)
		m.Flag(9, `\Deleted`, false)
	})
	l.clean(t)
	return l, spell(l.server, labBoxes...)
}

func (p *restorePort) whole(t testing.TB, want string) {
	t.Helper()
	if got := spell(p.server, labBoxes...); got != want {
		t.Fatalf("there is\n%s\nwant\n%s", got, want)
	}
}

func ok(t testing.TB, r *restore.Restoration, appended, there int) {
	t.Helper()
	if r.Fatal != nil || len(r.Problems) > 0 || r.Appended != appended || r.OnServer != appended+there || r.Outstanding != 0 {
		t.Fatalf("%d appended, %d on the server, %d outstanding; %v %v", r.Appended, r.OnServer, r.Outstanding, r.Fatal, r.Problems)
	}
}

func TestRestoreToAnEmptyServer(t *testing.T) {
	l, want := shipped(t)
	p := newPort(l)
	ok(t, p.restore(t, nil), 12, 0)
	p.whole(t, want)
	// It remembers.
	before := p.server.Commands()
	ok(t, p.restore(t, nil), 0, 12)
	if n := p.server.Commands() - before; n != 4 {
		t.Errorf("a restore with nothing to do sent %d commands, want one LIST and three scans", n)
	}
	// And without its memory it finds out.
	p.base = mem.NewBase()
	ok(t, p.restore(t, nil), 0, 12)
	p.whole(t, want)
	// What is gone there comes back.
	p.server.Change("INBOX", func(m *mem.Mailbox) { m.Expunge(2) })
	p.server.Change("Archive", func(m *mem.Mailbox) { m.Expunge(1) })
	ok(t, p.restore(t, nil), 2, 10)
	p.whole(t, want)
}

func TestRestoreDryRun(t *testing.T) {
	l, _ := shipped(t)
	p := newPort(l)
	p.change = func(r *restore.Restore) { r.DryRun = true }
	r := p.restore(t, func(s string) error { t.Errorf("a dry run does %q", s); return nil })
	sent, err := p.base.Intents(t.Context(), 0)
	if err != nil || r.Appended != 12 || len(sent) > 0 || spell(p.server, labBoxes...) != "Archive is not there\nLists/Go is not there" {
		t.Errorf("%d appended, %d remembered\n%s", r.Appended, len(sent), spell(p.server, labBoxes...))
	}
}

// Wherever a restore is cut, another one sends the rest and nothing twice, with its
// memory and without.
func TestRestoreCutAtEveryStep(t *testing.T) {
	l, want := shipped(t)
	for _, forget := range []bool{false, true} {
		for n := 1; ; n += stride(t) {
			p := newPort(l)
			step, reached := cutAt(n)
			p.restore(t, step)
			if forget {
				p.base = mem.NewBase()
			}
			if r := p.restore(t, nil); r.Fatal != nil || len(r.Problems) > 0 {
				t.Fatalf("cut at step %d: %v %v", n, r.Fatal, r.Problems)
			}
			p.whole(t, want)
			if !reached() {
				break
			}
		}
	}
}

// A server that changes messages, in the ways that servers do, is not sent them twice.
func TestRestoreToAServerThatChangesMessages(t *testing.T) {
	l, _ := shipped(t)
	for _, forget := range []bool{false, true} {
		p := newPort(l)
		step := func(s string) error {
			if s == "appended to INBOX" { // the answer is lost
				p.server.Change("INBOX", func(m *mem.Mailbox) {
					for _, msg := range m.Messages {
						msg.Body = strings.ReplaceAll(strings.ReplaceAll(msg.Body, "\r\n", "\n"), "\n", "\r\n")
						msg.Body = strings.NewReplacer("ü", "XX", "\x00", "\x80").Replace(msg.Body)
						if msg.Body == "no end of line" {
							msg.Body += "\r\n"
						}
					}
				})
				return errTestCut
			}
			return nil
		}
		p.restore(t, step)
		if forget {
			p.base = mem.NewBase()
		}
		r := p.restore(t, nil)
		const want = 12
		if n := len(strings.Split(spell(p.server, labBoxes...), "\n")); n != want || r.Fatal != nil {
			t.Errorf("forget %v: %d messages, want %d\n%s", forget, n, want, spell(p.server, labBoxes...))
		}
	}
}

// n equal files need n messages; one that differs only in its bytes is another one.
func TestRestoreIsAMultiset(t *testing.T) {
	l := newLab()
	twin := strings.Replace(body(1), "Text of 1", "text of 1", 1)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for range 3 {
			m.Add(body(1), 1)
		}
		m.Add(twin, 1)
		m.Add("no id\r\n", 2)
		m.Add("no id\r\n", 2)
	})
	l.clean(t)
	p := newPort(l)
	p.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Add(body(1), 1)
		m.Add(body(1), 77)
		m.Add("no id\r\n", 3)
		m.Add("NO ID\r\n", 3)
	})
	ok(t, p.restore(t, nil), 3, 3)
	var got []string
	p.server.Change("INBOX", func(m *mem.Mailbox) {
		for _, msg := range m.Messages {
			got = append(got, msg.Body)
		}
	})
	count := func(body string) (n int) {
		for _, b := range got {
			if b == body {
				n++
			}
		}
		return n
	}
	if count(body(1)) != 3 || count(twin) != 1 || count("no id\r\n") != 2 || len(got) != 7 {
		t.Errorf("there is %q", got)
	}
	p.base = mem.NewBase()
	ok(t, p.restore(t, nil), 0, 6)
}

// One message that is refused does not stop the others, and is named.
func TestRestoreRefused(t *testing.T) {
	l, _ := shipped(t)
	p := newPort(l)
	n := 0
	p.server.Command = func(name, _ string) error {
		if name == "APPEND" {
			if n++; n == 3 || n == 5 {
				return errors.New("the server answered NO: not this one")
			}
		}
		return nil
	}
	r := p.restore(t, nil)
	if r.Appended != 10 || len(r.Problems) != 2 || r.Outstanding != 2 || r.Status() != "partial" ||
		!strings.Contains(r.Problems[0].Err.Error(), "not this one") {
		t.Errorf("%d appended, problems %v", r.Appended, r.Problems)
	}
	p.server.Command = nil
	ok(t, p.restore(t, nil), 2, 10)
}

// Nor do hundreds, whether they go to another server or back to their own.
func TestRestoreOfManyThatAreRefused(t *testing.T) {
	l := filled()
	for i := range 300 {
		l.server.Change("Archive", func(m *mem.Mailbox) { m.Add(fmt.Sprintf("Subject: %d\r\n\r\nodd\r\n", i), int64(i)) })
	}
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Add("Subject: last\r\n\r\nplain\r\n", 1e9) })
	l.clean(t)
	odd := func(body string) error {
		if strings.Contains(body, "odd") {
			return errors.New("server answered NO: message contains NUL")
		}
		return nil
	}
	p := newPort(l)
	p.server.Refuses = odd
	if r := p.restore(t, nil); r.Appended != 13 || len(r.Problems) != 300 {
		t.Errorf("%d appended, %d problems", r.Appended, len(r.Problems))
	}
	l.server.Change("Archive", func(m *mem.Mailbox) { m.Messages = nil })
	l.server.Refuses = odd
	if r := l.home(nil, nil); r.Appended != 4 || len(r.Problems) != 300 {
		t.Errorf("%d appended at home, %d problems", r.Appended, len(r.Problems))
	}
}

// A mailbox that the server does not make was not made, and the others are.
func TestRestoreWhereAMailboxCannotBeMade(t *testing.T) {
	l, _ := shipped(t)
	p := newPort(l)
	p.server.Command = func(name, raw string) error {
		if name == "CREATE" && raw == "Archive" {
			return errors.New("the server answered NO: not that one")
		}
		return nil
	}
	r := p.restore(t, nil)
	for _, b := range r.Boxes {
		if refused := b.To == "Archive"; b.Created == (refused || b.To == "INBOX") || (b.Refused > 0) != refused {
			t.Errorf("%s: created %v, %d appended, %d refused", b.To, b.Created, b.Appended, b.Refused)
		}
	}
	if len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Err.Error(), "not that one") {
		t.Errorf("problems %v", r.Problems)
	}
}

// A damaged file is not put on a server in place of the message it was.
func TestRestoreRefusesDamage(t *testing.T) {
	l, _ := shipped(t)
	l.flip(t, l.uid(t, "INBOX", 3))
	p := newPort(l)
	r := p.restore(t, nil)
	if r.Appended != 11 || len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Err.Error(), "damaged") {
		t.Errorf("%d appended, problems %v", r.Appended, r.Problems)
	}
}

func TestRestoreMapsMailboxes(t *testing.T) {
	l := newLab()
	for _, raw := range []string{"Sent", "Sent Items", "Archive", "Work/2024"} {
		l.server.Create(raw)
		l.server.Change(raw, func(m *mem.Mailbox) { m.Add("Subject: "+raw+"\r\n\r\n", 1) })
	}
	l.clean(t)
	p := newPort(l)
	p.server.Create("Outbox").Role = "sent"
	p.server.Create("Archive")
	p.server.Create("Old").Role = "archive"
	ok(t, p.restore(t, nil), 4, 0)
	want := `Archive is empty
Old ["Subject: Archive"]
Outbox ["Subject: Sent"]
Sent Items ["Subject: Sent Items"]
Work/2024 ["Subject: Work/2024"]`
	if got := subjects(p.server, "Archive", "Old", "Outbox", "Sent Items", "Work/2024"); got != want {
		t.Errorf("there is\n%s\nwant\n%s", got, want)
	}
	p.change = func(r *restore.Restore) { r.Into = []string{"Before", "x"} }
	r := p.restore(t, nil)
	ok(t, r, 4, 0)
	want = `Before/x/Archive ["Subject: Archive"]
Before/x/Sent ["Subject: Sent"]
Before/x/Sent Items ["Subject: Sent Items"]`
	if got := subjects(p.server, "Before/x/Archive", "Before/x/Sent", "Before/x/Sent Items"); got != want {
		t.Errorf("there is\n%s\nwant\n%s", got, want)
	}
}

func subjects(s *mem.Server, boxes ...string) string {
	var lines []string
	for _, raw := range boxes {
		s.Change(raw, func(m *mem.Mailbox) {
			var all []string
			for _, msg := range m.Messages {
				all = append(all, strings.TrimSpace(msg.Body))
			}
			slices.Sort(all)
			line := fmt.Sprintf("%s %q", raw, all)
			if len(all) == 0 {
				line = raw + " is empty"
			}
			lines = append(lines, line)
		})
	}
	return strings.Join(lines, "\n")
}

func TestRestoreSince(t *testing.T) {
	l, _ := shipped(t)
	p := newPort(l)
	p.change = func(r *restore.Restore) { r.Since = 1700000000 }
	r := p.restore(t, nil)
	ok(t, r, 9, 0)
	older := 0
	for _, b := range r.Boxes {
		older += b.Older
	}
	if older != 3 {
		t.Errorf("%d older, want 3", older)
	}
}

// A bare Maildir, of which nothing is recorded.
func TestRestoreBare(t *testing.T) {
	l := newLab()
	for _, dir := range []string{"old", "old/cur", "old/new"} {
		if err := l.disk.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	l.write(t, "old/cur/1.a.host:2,FS", []byte("Message-ID: <a@b>\n\nx\n"))
	l.write(t, "old/new/2.b.host", []byte("Message-ID: <c@d>\r\n\r\ny\r\n"))
	if err := l.disk.Chtimes("old/cur/1.a.host:2,FS", time.Unix(1234567890, 0)); err != nil {
		t.Fatal(err)
	}
	p := newPort(l)
	p.change = func(r *restore.Restore) {
		md, err := l.verify().Tree.Open("old")
		if err != nil {
			t.Fatal(err)
		}
		r.From = []port.Source{{Name: "INBOX", Levels: []string{"INBOX"}, Maildir: md}}
	}
	ok(t, p.restore(t, nil), 2, 0)
	got := spell(p.server, "INBOX")
	if !strings.Contains(got, `INBOX 1234567890 [\Flagged \Seen] "Message-ID: <a@b>\r\n\r\nx\r\n"`) || !strings.Contains(got, `[] "Message-ID: <c@d>\r\n\r\ny\r\n"`) {
		t.Errorf("there is\n%s", got)
	}
	ok(t, p.restore(t, nil), 0, 2)
	p.base = mem.NewBase()
	ok(t, p.restore(t, nil), 0, 2)
}

// Courier gives a mailbox that was never opened other numbers in each second, until it holds
// something: what was sent there is found all the same, and found again.
func TestRestoreToAMailboxThatIsNumberedAnew(t *testing.T) {
	for _, filled := range []bool{false, true} {
		l, want := shipped(t)
		p := newPort(l)
		if filled {
			p.restore(t, nil)
			p.server.Change("INBOX", func(m *mem.Mailbox) { m.Messages = m.Messages[:len(m.Messages)-1] })
		}
		r := p.restore(t, func(s string) error {
			if s == "appended to INBOX" {
				p.server.Change("INBOX", func(m *mem.Mailbox) { m.UIDValidity++ })
			}
			return nil
		})
		if r.Fatal != nil || len(r.Problems) > 0 || r.Outstanding != 0 {
			t.Fatalf("filled %v: %d outstanding; %v %v", filled, r.Outstanding, r.Fatal, r.Problems)
		}
		p.whole(t, want)
		ok(t, p.restore(t, nil), 0, r.OnServer)
		p.whole(t, want)
	}
}

// GNU imap4d gives a mailbox other numbers once something is in it, tells no UID, and writes UID and
// status into the header: what was sent to an empty one is what came there since, also where the run
// was killed before it could look.
func TestRestoreToAMailboxThatIsNumberedAnewAndRewritesHeaders(t *testing.T) {
	for _, killed := range []bool{false, true} {
		l, _ := shipped(t)
		p := newPort(l)
		p.server.Restless, p.server.NoUIDPlus = true, true
		p.server.Stores = func(body string, date int64) (string, int64) {
			lines := slices.DeleteFunc(strings.SplitAfter(body, "\r\n"), func(line string) bool { return strings.HasPrefix(line, "X-Lab") })
			return "X-UID: 12\r\n" + strings.Join(lines, ""), date
		}
		var stop error
		if killed {
			stop = errors.New("killed")
		}
		r := p.restore(t, func(step string) error {
			if step == "appended to INBOX" {
				return stop
			}
			return nil
		})
		if !killed && (r.Fatal != nil || len(r.Problems) > 0 || r.Outstanding != 0) {
			t.Errorf("%d outstanding; %v %v", r.Outstanding, r.Fatal, r.Problems)
		}
		first := 0
		p.server.Change("INBOX", func(m *mem.Mailbox) { first = len(m.Messages) })
		if first == 0 {
			t.Fatal("nothing was sent")
		}
		if r = p.restore(t, nil); r.Fatal != nil || len(r.Problems) > 0 {
			t.Errorf("again: %v %v", r.Fatal, r.Problems)
		}
		p.server.Change("INBOX", func(m *mem.Mailbox) {
			if len(m.Messages) != first {
				t.Errorf("killed %v: INBOX has %d messages, and had %d", killed, len(m.Messages), first)
			}
		})
	}
}

// insideINBOX is a server on which everything lies below INBOX, which is no level of its own, as on Courier.
type insideINBOX struct{ *mem.Server }

func (s insideINBOX) List(ctx context.Context, want func(state.Listed) bool) (*state.Listing, error) {
	l, err := s.Server.List(ctx, want)
	for i := range l.Mailboxes {
		if m := &l.Mailboxes[i]; len(m.Levels) > 1 {
			m.Levels = m.Levels[1:]
		}
	}
	return l, err
}

func (s insideINBOX) CreateMailbox(ctx context.Context, levels []string, role string) (state.Listed, error) {
	if levels[0] != "INBOX" {
		levels = append([]string{"INBOX"}, levels...)
	}
	l, err := s.Server.CreateMailbox(ctx, levels, role)
	l.Levels = l.Levels[1:]
	return l, err
}

// KMail and Thunderbird have folders below INBOX. Where all lie there, Sub below INBOX is Sub: made once, and what two folders
// here have goes there as often.
func TestRestoreWhereAllIsBelowINBOX(t *testing.T) {
	l := newLab()
	for _, dir := range []string{"in", "in/cur", "in/new", "top", "top/cur", "top/new"} {
		if err := l.disk.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	l.write(t, "in/cur/1:2,S", []byte("Message-ID: <a@b>\n\nx\n"))
	l.write(t, "top/cur/1:2,S", []byte("Message-ID: <a@b>\n\nx\n"))
	p := newPort(l)
	p.server.Create("INBOX/Drafts")
	p.change = func(r *restore.Restore) {
		r.Server = insideINBOX{p.server}
		r.From = nil
		for dir, levels := range map[string][]string{"in": {"INBOX", "Sub"}, "top": {"Sub"}} {
			md, err := l.verify().Tree.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			r.From = append(r.From, port.Source{Name: strings.Join(levels, "/"), Levels: levels, Maildir: md})
		}
	}
	for run := range 2 {
		r := p.restore(t, nil)
		ok(t, r, 2-2*run, 2*run)
		if len(r.Boxes) != 1 || r.Boxes[0].To != "Sub" || r.Boxes[0].Created != (run == 0) || len(r.Boxes[0].From) != 2 {
			t.Errorf("run %d: %+v", run, r.Boxes)
		}
	}
}

// forgetful is a base on a disk that is full.
type forgetful struct{ *mem.Base }

func (forgetful) Commit(context.Context, state.Commit) error {
	return state.Faultf(state.Storage, "no space left on device")
}

// What is not sent, for it cannot be noted before, is counted.
func TestRestoreThatCannotBeNoted(t *testing.T) {
	l, _ := shipped(t)
	p := newPort(l)
	p.change = func(r *restore.Restore) { r.Base = forgetful{mem.NewBase()} }
	if r := p.restore(t, nil); r.Appended != 0 || r.Outstanding != 12 {
		t.Errorf("%d appended, %d outstanding", r.Appended, r.Outstanding)
	}
}

// Empty files are no messages: they are named, and the server is not asked.
func TestRestoreNamesEmptyFiles(t *testing.T) {
	l := newLab()
	for _, dir := range []string{"old", "old/cur", "old/new"} {
		if err := l.disk.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	l.write(t, "old/cur/1:2,S", []byte("Message-ID: <a@b>\n\nx\n"))
	for i := range 30 {
		l.write(t, fmt.Sprintf("old/cur/empty%d:2,S", i), nil)
	}
	p := newPort(l)
	p.change = func(r *restore.Restore) {
		md, err := l.verify().Tree.Open("old")
		if err != nil {
			t.Fatal(err)
		}
		r.From = []port.Source{{Name: "Old", Levels: []string{"Old"}, Maildir: md}}
	}
	r := p.restore(t, nil)
	if r.Appended != 1 || r.Outstanding != 30 || len(r.Problems) != 21 {
		t.Errorf("%d appended, %d outstanding, %d problems", r.Appended, r.Outstanding, len(r.Problems))
	}
	if last := r.Problems[20].Err.Error(); last != "10 more in Old are not sent: the file is empty" {
		t.Errorf("the last one says %q", last)
	}
}
