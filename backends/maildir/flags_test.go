package maildir_test

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

func TestLettersWithoutAMeaningStay(t *testing.T) {
	m, md := memTree(t)
	if err := (outside{m}).Write("INBOX/dovecot-keywords", []byte("1 Twice\nnonsense\n77 Far\n1 Work\n25 $Forwarded\n")); err != nil {
		t.Fatal(err)
	}
	if err := (outside{m}).Write("INBOX/cur/1.U1T"+token+".mailsync:2,SZabz", []byte("x")); err != nil {
		t.Fatal(err)
	}
	var kw state.Keywords
	s, err := md.Scan(context.Background(), token, nil, &kw)
	if err != nil {
		t.Fatal(err)
	}
	work, _ := kw.Bit("work")
	if got := s.Messages[0].Flags; got != state.Seen|work|state.Forwarded {
		t.Errorf("flags %v of %q", got, kw.Names())
	}
	place, err := md.Flag(s.NameAt(s.Messages[0].Name), state.Flagged, state.Flagged|work|state.Forwarded, &kw)
	if err != nil || !strings.HasSuffix(place.Name, ":2,FSZa") || place.Flags != state.Flagged|state.Seen {
		t.Errorf("flagged as %+v, %v", place, err)
	}
}

// A letter is never given to another name, and the line is durable before the letter is
// in a name.
func TestKeywordIsDurableBeforeItsLetter(t *testing.T) {
	const before = "0 Zero\n2 Two\n"
	setUp := func() (*disktest.Mem, string) {
		m, md := memTree(t)
		if err := (outside{m}).Write("INBOX/dovecot-keywords", []byte(before)); err != nil {
			t.Fatal(err)
		}
		return m, deliver(t, md, 1, state.Seen, "x")
	}
	run := func(m *disktest.Mem, view disk.FS, name string) (string, error) {
		md := open(t, m, view)
		if err := md.Sync(); err != nil {
			return "", err
		}
		var kw state.Keywords
		if _, err := md.Scan(context.Background(), token, nil, &kw); err != nil {
			return "", err
		}
		one, _ := kw.Bit("One")
		place, err := md.Flag(name, one, one, &kw)
		if err != nil {
			return "", err
		}
		return place.Name, md.Sync()
	}
	m, name := setUp()
	all := disktest.CutAt(m, 0)
	if got, err := run(m, all, name); err != nil || !strings.HasSuffix(got, ":2,Sb") {
		t.Fatalf("flagged as %q, %v", got, err)
	}
	if got := contents(t, m, "INBOX/dovecot-keywords"); got != "0 Zero\n1 One\n2 Two\n" {
		t.Fatalf("dovecot-keywords: %q", got)
	}
	if left := names(t, m, "INBOX"); len(left) != 5 {
		t.Errorf("left: %v", left)
	}
	for cut := 1; cut <= all.Changes(); cut++ {
		for seed := range uint64(8) {
			m, name := setUp()
			if _, err := run(m, disktest.CutAt(m, cut), name); err == nil {
				t.Fatalf("cut at %d: no error", cut)
			}
			after := m.Crash(rand.New(rand.NewPCG(seed, uint64(cut))))
			var list []string
			for _, dir := range []string{"INBOX/cur", "INBOX/new"} {
				list = append(list, names(t, after, dir)...)
			}
			if len(list) == 1 && strings.HasSuffix(list[0], "b") && !strings.Contains(contents(t, after, "INBOX/dovecot-keywords"), "1 One\n") {
				t.Fatalf("cut at %d, seed %d: the letter is there, its name is not", cut, seed)
			}
		}
	}
}

func TestKeywordsWaitForDovecotsLock(t *testing.T) {
	m, md := memTree(t)
	name := deliver(t, md, 1, state.Seen, "x")
	var kw state.Keywords
	scan(t, md)
	word, _ := kw.Bit("Word")
	if err := (outside{m}).Write("INBOX/dovecot-uidlist.lock", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := md.Flag(name, word, word, &kw); err == nil || exists(m, "INBOX/dovecot-keywords") {
		t.Errorf("keyword was written under another program's lock: %v", err)
	}
	got, err := md.Receive(incoming(2, word, bodies[2]), strings.NewReader(bodies[2]))
	if err != nil {
		t.Fatal(err)
	}
	if place, err := md.Publish(got, &kw); err != nil || place.Flags != 0 || !strings.HasPrefix(place.Name, "cur/") {
		t.Errorf("a message whose keyword gets no letter is delivered as %+v, %v", place, err)
	}
	if !exists(m, "INBOX/dovecot-uidlist.lock") {
		t.Fatal("a live lock was broken")
	}
	if err := m.Wait(context.Background(), 3*time.Minute); err != nil {
		t.Fatal(err)
	}
	md = open(t, m, m)
	if got, err := md.Flag(name, word, word, &kw); err != nil || !strings.HasSuffix(got.Name, "Sa") || got.Flags != state.Seen|word {
		t.Errorf("after the lock went stale: %+v, %v", got, err)
	}
}

func TestOnly26KeywordsFitInAName(t *testing.T) {
	m, md := memTree(t)
	name := deliver(t, md, 1, state.Seen, "x")
	var kw state.Keywords
	for i := range 30 {
		kw.Bit("kw" + string(rune('A'+i)))
	}
	s, err := md.Scan(context.Background(), token, nil, &kw)
	if err != nil {
		t.Fatal(err)
	}
	place, err := md.Flag(name, kw.All()&^state.System, kw.All()&^state.System, &kw)
	if err != nil || !strings.HasSuffix(place.Name, ":2,Sabcdefghijklmnopqrstuvwxyz") {
		t.Fatalf("%+v, %v", place, err)
	}
	after, err := md.Scan(context.Background(), token, nil, &kw)
	if err != nil || after.Can != s.Can || after.Messages[0].Flags|state.System != s.Can {
		t.Errorf("can %v before and %v after, has %v", s.Can, after.Can, after.Messages[0].Flags)
	}
	view := disktest.FailAt(m, 0, nil)
	md = open(t, m, view)
	if _, err := md.Scan(context.Background(), token, nil, &kw); err != nil {
		t.Fatal(err)
	}
	if _, err := md.Flag(place.Name, kw.All(), kw.All()&^state.System, &kw); err != nil {
		t.Fatal(err)
	}
	if log := strings.Join(view.Log(), "\n"); strings.Contains(log, ".lock") {
		t.Error("the lock is taken although no letter is left to give")
	}
}

// Of two files of one identity, a flag change never makes one overwrite the other.
func TestFlagOverwritesNothing(t *testing.T) {
	m, md := memTree(t)
	one := deliver(t, md, 1, state.Seen, "one")
	two := strings.TrimSuffix(one, "S") + "FS"
	if err := (outside{m}).Write("INBOX/"+two, []byte("two")); err != nil {
		t.Fatal(err)
	}
	var kw state.Keywords
	if _, err := md.Flag(one, state.Flagged, state.Flagged, &kw); !errors.Is(err, fs.ErrExist) {
		t.Errorf("flag onto another file: %v, want fs.ErrExist", err)
	}
	if contents(t, m, "INBOX/"+one) != "one" || contents(t, m, "INBOX/"+two) != "two" {
		t.Error("a file was lost")
	}
}

// The trash has the file durably before the Maildir loses it, on the same file system
// and on another one.
func TestTrashLosesNothing(t *testing.T) {
	run := func(other bool, cut int) (mail, trash *disktest.Mem, calls int, err error) {
		mail, md := memTree(t)
		name := deliver(t, md, 1, state.Seen, bodies[1])
		if err := md.Sync(); err != nil {
			t.Fatal(err)
		}
		view := disktest.CutAt(mail, cut)
		opts := maildir.Options{Now: mail.Now, Wait: mail.Wait}
		trash = mail
		if other {
			trash = disktest.NewMem(disktest.MemOptions{})
			opts.Trash = disktest.CutAt(trash, cut)
		}
		again, err := maildir.Open(view, opts).Open("INBOX")
		if err == nil {
			err = again.Trash(name)
		}
		if err == nil {
			err = again.Sync()
		}
		return mail, trash, view.Changes() + trashCalls(opts), err
	}
	for _, other := range []bool{false, true} {
		mail, trash, calls, err := run(other, 0)
		if err != nil {
			t.Fatal(err)
		}
		if left := names(t, mail, "INBOX/cur"); len(left) != 0 || len(trashed(trash)) != 1 {
			t.Errorf("other %v: left %v, trashed %v", other, left, trashed(trash))
		}
		for cut := 1; cut <= calls; cut++ {
			for seed := range uint64(6) {
				mail, trash, _, _ := run(other, cut)
				rng := rand.New(rand.NewPCG(seed, uint64(cut)))
				afterMail := mail.Crash(rng)
				afterTrash := afterMail
				if other {
					afterTrash = trash.Crash(rng)
				}
				inMail := len(names(t, afterMail, "INBOX/cur"))
				whole := 0
				for _, body := range trashed(afterTrash) {
					if body == strings.ReplaceAll(bodies[1], "\r\n", "\n") {
						whole++
					}
				}
				if inMail+whole == 0 {
					t.Fatalf("other %v, cut at %d, seed %d: the message is neither here nor in the trash", other, cut, seed)
				}
			}
		}
	}
}

func trashCalls(opts maildir.Options) int {
	if view, ok := opts.Trash.(*disktest.Faulty); ok {
		return view.Changes()
	}
	return 0
}

func trashed(m *disktest.Mem) (contents []string) {
	for _, dir := range []string{".mailsync/trash", "trash"} {
		list, err := m.Names(dir)
		if err != nil {
			continue
		}
		for _, name := range list {
			f, err := m.Open(dir + "/" + name)
			if err != nil {
				continue
			}
			buf := make([]byte, 1<<16)
			n, _ := f.Read(buf)
			contents = append(contents, string(buf[:n]))
		}
	}
	return contents
}

func TestEmptyTrashKeepsWhatIsYoung(t *testing.T) {
	m, _ := memTree(t)
	tree := maildir.Open(m, maildir.Options{Now: m.Now, Wait: m.Wait})
	md, err := tree.Open("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := tree.EmptyTrash(time.Hour); n != 0 || err != nil {
		t.Errorf("no trash: %d, %v", n, err)
	}
	for uid := state.UID(1); uid <= 2; uid++ {
		if err := md.Trash(deliver(t, md, uid, state.Seen, bodies[uid])); err != nil {
			t.Fatal(err)
		}
		if err := m.Wait(context.Background(), 24*time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if err := (outside{m}).Write(".mailsync/trash/user's own", nil); err != nil {
		t.Fatal(err)
	}
	if n, err := tree.EmptyTrash(36 * time.Hour); n != 1 || err != nil {
		t.Errorf("emptied %d, %v; want 1", n, err)
	}
	if left := names(t, m, ".mailsync/trash"); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
}
