package sync_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/backends/pop3"
	"mailsync/backends/reach"
	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
	"mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// popLab is an account on a scripted POP3 server, with disk and base in memory. What it
// shares with lab is how it looks at the disk.
type popLab struct {
	lab
	box    *script.Box
	server *script.Server
	// reach, if set, changes the options of the backend, and change the account, before a run.
	reach  func(*pop3.Options)
	change func(*port.Account)
	unread error // why the base's numbers cannot be read
}

func newPopLab(t testing.TB, box *script.Box) *popLab {
	l := &popLab{box: box, server: script.New(t, script.Healthy(box, nil))}
	l.disk, l.base = disktest.NewMem(disktest.MemOptions{}), mem.NewBase()
	l.policy = plan.Policy{MaxDelete: 100, FetchOnce: true}
	return l
}

// run runs the account once, as the program does: what the base knows of the numbers is read when it is needed.
func (l *popLab) run(t testing.TB, fs disk.FS, step func(string) error) *port.Result {
	t.Helper()
	if fs == nil {
		fs = l.disk
	}
	numbers := pop3.LoadNumbers(func() ([]state.UIDL, error) { return l.known(t), l.unread })
	o := pop3.Options{Options: reach.Options{
		Server: reach.Server{Host: "127.0.0.1", Port: l.server.Port(), TLS: reach.None, Timeout: 20 * time.Second}, User: "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{Password: "secret"}, nil }}, Numbers: numbers}
	if l.reach != nil {
		l.reach(&o)
	}
	server, err := pop3.New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	a := &port.Account{Name: "test", Host: "pop.example.org", User: "ada", Server: server, Base: l.base, Policy: l.policy,
		Tree: tree{maildir.Open(fs, maildir.Options{Now: l.disk.Now, Wait: l.disk.Wait, Keys: numbers})}, Wait: l.disk.Wait, Now: l.disk.Now,
		Step: step}
	if l.change != nil {
		l.change(a)
	}
	return sync.Run(context.Background(), a)
}

// known is what the base keeps of the numbers.
func (l *popLab) known(t testing.TB) []state.UIDL {
	t.Helper()
	rows, err := l.base.Mailboxes(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if gen := row.Current(); gen != nil {
			known, err := l.base.UIDLs(context.Background(), gen.ID)
			if err != nil {
				t.Fatal(err)
			}
			return known
		}
	}
	return nil
}

// settle runs until a run finds nothing to do, and expects that to be soon.
func (l *popLab) settle(t testing.TB) {
	t.Helper()
	for range 6 {
		r := l.run(t, nil, nil)
		if r.Status() != "ok" {
			t.Fatalf("run is %s: %v %v", r.Status(), r.Fatal, r.Problems)
		}
		if r.Unchanged == r.Mailboxes {
			return
		}
	}
	t.Fatal("it does not come to rest")
}

func (l *popLab) clean(t testing.TB) *port.Result {
	t.Helper()
	r := l.run(t, nil, nil)
	if r.Status() != "ok" {
		t.Fatalf("run is %s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	return r
}

// mails is every body on disk, sorted.
func (l *popLab) mails(t testing.TB) (all []string) {
	t.Helper()
	for _, f := range l.files(t) {
		all = append(all, f.body)
	}
	slices.Sort(all)
	return all
}

// retrs counts the messages that were asked for.
func (l *popLab) retrs() (n int) {
	for _, c := range l.server.Commands() {
		if strings.HasPrefix(c, "RETR") {
			n++
		}
	}
	return n
}

func popMails(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("Subject: %d\r\nMessage-ID: <%d@example.org>\r\n\r\nbody %d\r\n", i, i, i))
	}
	return all
}

// stamped plays a server that writes its own fields into messages.
func stamped(all []*script.Message) {
	for _, m := range all {
		m.Body = "X-UIDL: " + m.UIDL + "\r\n" + m.Body
	}
}

// popStories are what may happen to an account on POP3. begin makes the world before the
// run that is cut; what the runs after it have to come to is in box and extra.
var popStories = []struct {
	name  string
	begin func(t testing.TB) *popLab
	extra []string // bodies on disk that the server has no more
}{
	{name: "a first fetch, unique-ids and none", begin: func(t testing.TB) *popLab {
		box := script.NewBox(popMails(9)...)
		box.Messages[3].UIDL, box.Messages[4].UIDL, box.Messages[6].UIDL = "same", "same", ""
		return newPopLab(t, box)
	}},
	{name: "a server without UIDL, and twins", begin: func(t testing.TB) *popLab {
		box := script.NewBox(append(popMails(3), popMails(3)...)...)
		box.NoUIDL, box.Caps = true, []string{"USER", "TOP", "PIPELINING"}
		return newPopLab(t, box)
	}},
	{name: "new mail, and mail that went", begin: func(t testing.TB) *popLab {
		l := newPopLab(t, script.NewBox(popMails(6)...))
		l.settle(t)
		for _, body := range popMails(9)[6:] {
			l.box.Add(body)
		}
		l.box.Messages = slices.Delete(l.box.Messages, 1, 3)
		return l
	}, extra: popMails(3)[1:]},
	{name: "sizes that are wrong", begin: func(t testing.TB) *popLab {
		l := newPopLab(t, script.NewBox(popMails(5)...))
		l.box.Messages[1].Size, l.box.Messages[3].Size = 1, 1000
		return l
	}},
	{name: "deletion of what is here", begin: func(t testing.TB) *popLab {
		return deleting(t)
	}, extra: deleted()},
	{name: "deletion of what was here before", begin: func(t testing.TB) *popLab {
		l := deleting(t)
		begin := l.change
		l.change = nil
		l.settle(t)
		l.change = begin
		return l
	}, extra: deleted()},
	{name: "unique-ids that all changed, and a flag", begin: func(t testing.TB) *popLab {
		l := newPopLab(t, script.NewBox(popMails(6)...))
		l.settle(t)
		l.box.Messages = l.box.Messages[1:]
		for _, m := range l.box.Messages {
			m.UIDL = "other-" + m.UIDL
		}
		l.box.Add("Subject: new\r\n\r\nnew\r\n")
		return l
	}, extra: popMails(1)},
	{name: "headers that the server stamps, and deletion of sizes that are wrong", begin: func(t testing.TB) *popLab {
		l := newPopLab(t, script.NewBox(popMails(5)...))
		l.box.Messages[2].Size = 1
		l.settle(t)
		l.server.Close()
		stamped(l.box.Messages[2:4])
		l.server = script.New(t, script.Healthy(l.box, nil))
		l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
		return l
	}, extra: []string{popMails(1)[0], popMails(2)[1], "X-UIDL: u3\r\n" + popMails(3)[2], "X-UIDL: u4\r\n" + popMails(4)[3], popMails(5)[4]}},
	{name: "unique-ids that changed, and no state", begin: func(t testing.TB) *popLab {
		l := newPopLab(t, script.NewBox(popMails(4)...))
		l.settle(t)
		for _, m := range l.box.Messages[1:] {
			m.UIDL = "other-" + m.UIDL
		}
		l.base = mem.NewBase()
		return l
	}},
	{name: "a state that is lost", begin: func(t testing.TB) *popLab {
		l := newPopLab(t, script.NewBox(popMails(6)...))
		l.settle(t)
		l.box.Messages = l.box.Messages[2:]
		l.box.Add("Subject: new\r\n\r\nnew\r\n")
		l.base = mem.NewBase()
		return l
	}, extra: popMails(2)},
}

// deleting is an account that deletes what it fetched: three messages of six, for two share
// a unique-id, and one is longer than its size, so that it goes in the second run.
func deleting(t testing.TB) *popLab {
	l := newPopLab(t, script.NewBox(popMails(6)...))
	l.box.Messages[3].UIDL, l.box.Messages[4].UIDL, l.box.Messages[5].Size = "same", "same", 5
	l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
	return l
}

// deleted are the messages that deleting deletes.
func deleted() []string { return append(popMails(3), popMails(6)[5]) }

// TestPOP3CutAtEveryStep cuts a run at each of its steps; the runs after it lose nothing,
// double nothing, and ask for nothing that is here for good.
func TestPOP3CutAtEveryStep(t *testing.T) {
	for _, s := range popStories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			whole := s.begin(t)
			before := whole.retrs()
			whole.settle(t)
			retrs := whole.retrs() - before
			for n := 1; ; n += stride(t) {
				l := s.begin(t)
				step, reached := cutAt(n)
				l.run(t, nil, step)
				if !reached() {
					break
				}
				checkPOP3(t, l, s.extra, fmt.Sprintf("cut at step %d", n))
				if again := l.retrs() - before; again > 2*retrs {
					t.Fatalf("cut at step %d: %d messages were asked for, %d without the cut", n, again, retrs)
				}
				l.server.Close()
			}
		})
	}
}

// TestPOP3PowerLoss cuts the power at every change of the disk.
func TestPOP3PowerLoss(t *testing.T) {
	for _, s := range popStories {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n += 2 * stride(t) {
				l := s.begin(t)
				cut := disktest.CutAt(l.disk, n)
				l.run(t, cut, nil)
				if cut.Changes() < n {
					break
				}
				l.disk = l.disk.Crash(rand.New(rand.NewPCG(uint64(n), 7)))
				l.disk.Wait(t.Context(), time.Hour)
				checkPOP3(t, l, s.extra, fmt.Sprintf("power cut at change %d", n))
				l.server.Close()
			}
		})
	}
}

// checkPOP3 lets an account come to rest and compares the disk with what it should hold.
func checkPOP3(t *testing.T, l *popLab, extra []string, when string) {
	t.Helper()
	l.settle(t)
	want := append(l.box.Bodies(), extra...)
	slices.Sort(want)
	if got := l.mails(t); !slices.Equal(got, want) {
		t.Fatalf("%s: %d on disk, want %d\n got %q\nwant %q", when, len(got), len(want), got, want)
	}
}

// A session that breaks after 500 of 1,000 messages leaves 500 to go.
func TestPOP3GoesOnWhereItBroke(t *testing.T) {
	box := script.NewBox(popMails(1000)...)
	l := newPopLab(t, box)
	n := 0
	l.server = script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, _ string) bool {
		if n++; n > 500 {
			p.Close()
		}
		return false
	}}))
	if r := l.run(t, nil, nil); r.Fetched < 300 || r.Fetched > 500 || r.Fatal == nil {
		t.Fatalf("fetched %d: %v", r.Fetched, r.Fatal)
	}
	here := len(l.mails(t))
	l.server = script.New(t, script.Healthy(box, nil))
	if r := l.clean(t); r.Fetched != 1000-here || l.retrs() != 1000-here {
		t.Errorf("%d were here, then %d were fetched with %d RETRs", here, r.Fetched, l.retrs())
	}
	if got := l.mails(t); len(got) != 1000 || len(slices.Compact(got)) != 1000 {
		t.Errorf("%d on disk", len(got))
	}
}

// What the user removes stays on the server and does not come back.
func TestPOP3RemovedHere(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(12)...))
	l.settle(t)
	removePOP3(t, l, "body 4\r\n")
	if r := l.clean(t); r.Fetched != 0 {
		t.Errorf("fetched %d", r.Fetched)
	}
	l.settle(t)
	if len(l.mails(t)) != 11 || len(l.box.Bodies()) != 12 {
		t.Errorf("%d here, %d on the server", len(l.mails(t)), len(l.box.Bodies()))
	}
}

// removePOP3 removes the files whose bodies contain a text.
func removePOP3(t testing.TB, l *popLab, text string) {
	t.Helper()
	for _, dir := range []string{"INBOX/new", "INBOX/cur"} {
		names, _ := l.disk.Names(dir)
		for _, name := range names {
			if p := path.Join(dir, name); strings.Contains(l.rebuilt(t, p), text) {
				if err := l.disk.Remove(p); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := l.disk.SyncDir(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// What has to be true of a message before it is deleted, and what the run tells.
func TestPOP3Deletion(t *testing.T) {
	l := deleting(t)
	r := l.clean(t)
	if r.DeletedOnServer != 3 || len(l.box.Messages) != 3 || r.Fetched != 6 {
		t.Errorf("deleted %d, %d are left; fetched %d", r.DeletedOnServer, len(l.box.Messages), r.Fetched)
	}
	if r := l.clean(t); r.DeletedOnServer != 1 || r.Fetched != 1 {
		t.Errorf("deleted %d, fetched %d; the one of another length is to be fetched once more, and to go", r.DeletedOnServer, r.Fetched)
	}
	l.settle(t)
	if got := l.mails(t); len(got) != 6 || len(l.box.Messages) != 2 {
		t.Errorf("%d here, %d on the server", len(got), len(l.box.Messages))
	}
}

// A file that is not what the server sent, or is gone, keeps its message on the server.
func TestPOP3DeletionReadsTheFile(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(12)...))
	l.settle(t)
	removePOP3(t, l, "body 1\r\n")
	l.each(t, "body 2\r\n", func(p string) { l.overwrite(t, p, "other") })
	l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
	r := l.run(t, nil, nil)
	if len(r.Problems) != 1 || r.DeletedOnServer != 10 {
		t.Errorf("deleted %d: %v", r.DeletedOnServer, r.Problems)
	}
	if left := l.box.Bodies(); len(left) != 2 || left[0] != popMails(3)[1] || left[1] != popMails(3)[2] {
		t.Errorf("left are %q", left)
	}
}

// By age: since it was fetched, by a clock that is to be believed.
func TestPOP3DeletionByAge(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(3)...))
	l.box.Messages[1].Body += strings.Repeat("long\r\n", 100)
	trusted := true
	c := plan.Cutoff{Collected: true, FetchedAge: 14 * 24 * time.Hour, BiggerThan: 500}
	l.change = func(a *port.Account) { a.AgesCount, a.Release = trusted, &port.Release{Cutoff: c} }
	if r := l.clean(t); r.DeletedOnServer != 1 {
		t.Errorf("%d were deleted at once, the large one was to be", r.DeletedOnServer)
	}
	l.disk.Wait(t.Context(), 13*24*time.Hour)
	if r := l.clean(t); r.DeletedOnServer != 0 {
		t.Errorf("%d were deleted after 13 days", r.DeletedOnServer)
	}
	l.disk.Wait(t.Context(), 2*24*time.Hour)
	trusted = false
	if r := l.clean(t); r.DeletedOnServer != 0 {
		t.Errorf("%d were deleted by a clock that is not trusted", r.DeletedOnServer)
	}
	trusted = true
	if r := l.clean(t); r.DeletedOnServer != 2 || len(l.mails(t)) != 3 {
		t.Errorf("%d were deleted after 15 days", r.DeletedOnServer)
	}
}

// A server that ignores DELE is told of, and not asked again and again.
func TestPOP3DeletionIgnored(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(3)...))
	l.box.KeepsDeleted = true
	notes := &notes{}
	l.change = func(a *port.Account) {
		a.Watch = notes
		a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}}
	}
	if r := l.clean(t); r.DeletedOnServer != 3 {
		t.Errorf("%d", r.DeletedOnServer)
	}
	for range 3 {
		if r := l.clean(t); r.DeletedOnServer != 0 || r.Fetched != 0 || r.Undeletable != 3 {
			t.Errorf("deleted %d, fetched %d, cannot delete %d", r.DeletedOnServer, r.Fetched, r.Undeletable)
		}
	}
	deles := 0
	for _, command := range l.server.Commands() {
		if strings.HasPrefix(command, "DELE") {
			deles++
		}
	}
	if deles != 3 || len(notes.said) != 3 || len(l.mails(t)) != 3 {
		t.Errorf("%d times DELE, and said %q", deles, notes.said)
	}
}

// A QUIT without an answer deletes perhaps and counts nothing; where deletion is no longer
// wanted, what it had begun is taken back.
func TestPOP3DeletionUnanswered(t *testing.T) {
	box := script.NewBox(popMails(3)...)
	l := newPopLab(t, box)
	l.server = script.New(t, script.Healthy(box, script.Answers{"QUIT": script.Say("-ERR not now")}))
	wanted := &port.Release{Cutoff: plan.Cutoff{Collected: true}}
	l.change = func(a *port.Account) { a.Release = wanted }
	if r := l.run(t, nil, nil); r.DeletedOnServer != 0 || len(r.Problems) != 1 || len(box.Messages) != 3 {
		t.Fatalf("deleted %d: %v", r.DeletedOnServer, r.Problems)
	}
	l.server = script.New(t, script.Healthy(box, nil))
	wanted = &port.Release{Cutoff: plan.Cutoff{Collected: true, FetchedAge: -1}}
	l.settle(t)
	if len(box.Messages) != 3 || len(l.mails(t)) != 3 {
		t.Errorf("%d on the server, %d here", len(box.Messages), len(l.mails(t)))
	}
	wanted = &port.Release{Cutoff: plan.Cutoff{Collected: true}}
	if r := l.clean(t); r.DeletedOnServer != 3 {
		t.Errorf("and then %d", r.DeletedOnServer)
	}
}

// notes keeps what a run says; what it does is of no interest.
type notes struct{ said []string }

func (*notes) Listed(int)               {}
func (*notes) Planned(int, int64)       {}
func (*notes) Arrived(int, int64)       {}
func (*notes) Doing(string, string)     {}
func (*notes) Mailbox(string, bool)     {}
func (*notes) Op(string, plan.Op)       {}
func (n *notes) Note(_, text, _ string) { n.said = append(n.said, text) }

// Another user's mailbox is not taken for this one, though every POP3 mailbox is INBOX with
// one UIDVALIDITY; a server under another name is known by its unique-ids.
func TestPOP3OfAnotherUser(t *testing.T) {
	l := newPopLab(t, script.NewBox(popMails(3)...))
	l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
	l.settle(t)
	l.box.Messages = script.NewBox("Subject: of somebody else\r\n\r\n").Messages
	l.box.Messages[0].UIDL = "somebody-1"
	l.change = func(a *port.Account) { a.User = "bob" }
	if r := l.run(t, nil, nil); state.KindOf(r.Fatal) != state.Storage || len(l.mails(t)) != 3 {
		t.Fatalf("%v %v", r.Fatal, r.Problems)
	}
	l.change = nil
	l.box.Messages[0].UIDL = "u9"
	l.settle(t)
	l.change = func(a *port.Account) { a.Host = "pop2.example.org" }
	l.settle(t)
	if len(l.mails(t)) != 4 {
		t.Errorf("%d mails", len(l.mails(t)))
	}
}

// A server that deletes at QUIT whatever was fetched (EXPIRE 0) is not let to: what goes is
// what is safely here, and nothing where nothing is to go.
func TestPOP3ServerThatExpires(t *testing.T) {
	l := deleting(t)
	l.box.Expires, l.box.Caps = true, append(l.box.Caps, "EXPIRE 0")
	deletes := l.change
	l.change = nil
	l.settle(t)
	if n := len(l.box.Messages); n != 6 || len(l.mails(t)) != 6 {
		t.Fatalf("%d are left on the server, and nothing was to go; %d here", n, len(l.mails(t)))
	}
	l.change = deletes
	l.box.Add("Subject: late\r\n\r\n")
	if r := l.clean(t); r.Fetched != 2 || r.DeletedOnServer != 5 || len(l.box.Messages) != 2 {
		t.Errorf("fetched %d, deleted %d, left %d", r.Fetched, r.DeletedOnServer, len(l.box.Messages))
	}
}

// A message that cannot be fetched is told in every run and costs itself alone; sizes that
// nobody can believe cost nothing.
func TestPOP3OneBadMessage(t *testing.T) {
	box := script.NewBox(popMails(5)...)
	box.Messages[4].Size = 1 << 50
	l := newPopLab(t, box)
	bad := true
	l.server = script.New(t, script.Healthy(box, script.Answers{"RETR": func(p *script.Peer, no string) bool {
		if no == "3" && bad {
			p.Send("-ERR [SYS/TEMP] cannot read it")
			return true
		}
		return false
	}}))
	for range 2 {
		if r := l.run(t, nil, nil); len(r.Problems) != 1 || r.Problems[0].UID != 3 || r.Outstanding != 1 || r.Here != 4 {
			t.Errorf("%d here, %d outstanding: %v %v", r.Here, r.Outstanding, r.Problems, r.Fatal)
		}
	}
	bad = false
	l.settle(t)
	if len(l.mails(t)) != 5 {
		t.Errorf("%d mails", len(l.mails(t)))
	}
}
