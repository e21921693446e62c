package contract

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"

	"mailsync/state"
)

func maildirFlags(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	name := w.deliver(m, 1, 0, "one\r\n")
	for _, step := range []struct {
		want, mask, has state.Flags
		dir             string
	}{
		{0, state.System, 0, "new/"},
		{state.Seen | state.Flagged, state.Seen, state.Seen, "cur/"},
		{state.Forwarded | state.Draft, state.System &^ state.Seen, state.Seen | state.Forwarded | state.Draft, "cur/"},
		{0, state.Draft, state.Seen | state.Forwarded, "cur/"},
		{state.Answered, state.Answered, state.Seen | state.Forwarded | state.Answered, "cur/"},
		{0, state.System, 0, "cur/"},
	} {
		nextPlace, err := m.Flag(name, step.want, step.mask, &w.kw)
		next := nextPlace.Name
		w.must(err)
		w.must(m.Sync())
		f, got := w.only(m)
		if got != next || f.Flags != step.has || !strings.HasPrefix(got, step.dir) {
			t.Errorf("%v of %v: %q with %v, want %v in %s", step.want, step.mask, got, f.Flags, step.has, step.dir)
		}
		name = next
	}
	got, err := m.Inspect(name, nil)
	w.must(err)
	if got.Digest != maildirDigest("one\r\n") {
		t.Error("the bytes changed")
	}
}

func maildirFlagFollows(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	name := w.deliver(m, 1, 0, "one\r\n")
	info := maildirInfo(w, m)
	w.scan(m)
	w.must(w.outside.Rename("INBOX/"+name, "INBOX/cur/"+path.Base(name)+info+"RXx"))
	nextPlace, err := m.Flag(name, state.Seen, state.Seen, &w.kw)
	next := nextPlace.Name
	w.must(err)
	if !strings.HasSuffix(next, info+"RSXx") {
		t.Errorf("flagged %q, want the other program's letters kept", next)
	}
	if got, err := m.Inspect(name, nil); err != nil || got.Digest != maildirDigest("one\r\n") {
		t.Errorf("inspect by the old name: %v", err)
	}
	w.must(w.outside.Remove("INBOX/" + next))
	if _, err := m.Flag(next, 0, state.Seen, &w.kw); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("flag of nothing: %v, want fs.ErrNotExist", err)
	}
	foreign := "cur/1.other.host" + info
	w.must(w.outside.Write("INBOX/"+foreign+"F", []byte("x")))
	if got, err := m.Flag(foreign, state.Seen, state.Seen, &w.kw); err != nil || got.Name != foreign+"FS" {
		t.Errorf("foreign file flagged as %q, %v", got.Name, err)
	}
}

func maildirKeywords(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	name := w.deliver(m, 1, state.Seen, "one\r\n")
	work, _ := w.kw.Bit("Work")
	junk, _ := w.kw.Bit("$Junk")
	if s := w.scan(m); s.Can&(work|junk) != work|junk {
		t.Fatalf("can %v, want the keywords too", s.Can)
	}
	flagged, err := m.Flag(name, junk, junk|work, &w.kw)
	name = flagged.Name
	w.must(err)
	if f, _ := w.only(m); f.Flags != state.Seen|junk {
		t.Errorf("flags %v, want Seen and $Junk", f.Flags)
	}
	fresh, err := w.tree.Open("INBOX")
	w.must(err)
	kw := w.kw
	w.kw = state.Keywords{} // a base that was lost: bits in the order of the letters
	f, _ := w.only(fresh)
	if names := w.kw.NamesOf(f.Flags &^ state.System); len(names) != 1 || names[0] != "$Junk" {
		t.Errorf("read back as %q", names)
	}
	w.kw = kw
	w.only(m)
	_, err = m.Flag(name, state.Seen, state.Seen|junk, &w.kw)
	w.must(err)
	if f, _ := w.only(m); f.Flags != state.Seen {
		t.Errorf("flags %v, want Seen alone", f.Flags)
	}
}

func maildirMarks(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	before, err := m.Mark()
	w.must(err)
	s := w.scan(m, 77) // waits for the clock to move on
	if s.Mark.CurIno != before.CurIno || !s.Mark.Same(before) {
		t.Errorf("mark %+v, then %+v", before, s.Mark)
	}
	name := w.deliver(m, 1, 0, "one\r\n")
	after, err := m.Mark()
	w.must(err)
	if after.NewCtime == before.NewCtime || !after.Same(before) || after.CurCtime != before.CurCtime {
		t.Errorf("mark %+v, after a delivery %+v", before, after)
	}
	// On a busy machine the clock moves on between the two.
	for uid := state.UID(2); after.Trusted; uid++ {
		if uid == 100 {
			t.Fatal("marks taken within the clock's grain are trusted")
		}
		_, err = m.Publish(w.receive(m, uid, 0, "one more\r\n"), &w.kw)
		w.must(err)
		after, err = m.Mark()
		w.must(err)
	}
	w.must(w.outside.Remove("INBOX/" + name))
	if s := w.scan(m, 1); !s.Complete || s.Mark.NewCtime < after.NewCtime {
		t.Errorf("scan after a removal: %+v", s)
	}
}
