package contract

import (
	"errors"
	"io/fs"
	"path"
	"strings"
	"testing"

	"mailsync/state"
)

func maildirIdent(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	for uid, test := range []struct{ name, body, want string }{
		{"plain", "Message-ID: <1@x>\r\n\r\nbody\r\n", "<1@x>"},
		{"any case, blanks", "Subject: x\r\nMESSAGE-id : \t<2@x> \r\n\r\n", "<2@x>"},
		{"folded", "Message-ID:\r\n <3@x>\r\nSubject: x\r\n\r\n", "<3@x>"},
		{"folded inside", "Message-ID: <4\r\n\t@x>\r\n\r\n", "<4\t@x>"},
		{"the first of two", "Message-ID: <5@x>\r\nMessage-ID: <no@x>\r\n\r\n", "<5@x>"},
		{"empty", "Message-ID:\r\nSubject: x\r\n\r\n", ""},
		{"none", "Subject: x\r\n\r\nMessage-ID: <no@x>\r\n", ""},
		{"in another field", "References: a\r\n Message-ID: <no@x>\r\n\r\n", ""},
		{"after a long line", "X: " + strings.Repeat("long ", 20_000) + "\r\nMessage-ID: <6@x>\r\n\r\n", "<6@x>"},
		{"no end of the header", "Message-ID: <7@x>", "<7@x>"},
		{"bare LF", "Message-ID: <8@x>\n\nbody\r\n", "<8@x>"},
		{"nothing", "", ""},
	} {
		name := w.deliver(m, state.UID(uid+1), 0, test.body)
		got, err := m.Ident(name)
		w.must(err)
		if want := (state.FileIdent{MessageID: test.want, Size: int64(len(test.body)), Date: 1700000000, Named: state.NoDate, Received: state.NoDate, Written: state.NoDate}); got != want {
			t.Errorf("%s: %+v, want %+v", test.name, got, want)
		}
	}
	w.must(w.outside.Write("INBOX/cur/foreign", []byte("Message-ID: <f@x>\n\nbody\n")))
	got, err := m.Ident("cur/foreign")
	w.must(err)
	if got.MessageID != "<f@x>" || got.Size != 27 || got.Date <= 0 {
		t.Errorf("a foreign file: %+v", got)
	}
	if _, err := m.Ident("cur/gone"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is gone: %v", err)
	}
}

func maildirLink(t *testing.T, w *maildirWorld) {
	const body = "Subject: x\r\n\r\nbody\r\n"
	m := w.create("INBOX")
	old := w.deliver(m, 1, state.Seen, body)
	link := func(name string, uid state.UID) (state.Received, state.Placed) {
		as, err := m.Inspect(name, nil)
		w.must(err)
		as.UID, as.Token, as.Date, as.Flags = uid, "newtok", 1600000000, state.Seen
		placed, err := m.Link("INBOX", name, as, &w.kw)
		w.must(err)
		return as, placed
	}
	as, placed := link(old, 7)
	if !strings.HasPrefix(placed.Name, "cur/1600000000.U7Tnewtok.mailsync,S=17,W=20,H=") || placed.Found || placed.Flags != state.Seen {
		t.Errorf("linked as %+v", placed)
	}
	again, err := m.Link("INBOX", old, as, &w.kw)
	w.must(err)
	if !again.Found || again.Name != placed.Name {
		t.Errorf("linked again: %+v", again)
	}
	other := w.deliver(m, 2, 0, "another\r\n")
	if err := m.Unlink(old, "INBOX", other); err == nil {
		t.Error("a file was unlinked whose bytes have no other name")
	}
	w.must(m.Unlink(old, "INBOX", placed.Name))
	w.must(m.Unlink(old, "INBOX", placed.Name))
	w.must(m.Sync())
	if s := w.scan(m); len(s.Messages) != 1 || s.Messages[0].UID != 2 || len(s.Foreign) != 1 ||
		s.Foreign[0].Token != "newtok" || s.Foreign[0].UID != 7 || s.Foreign[0].Date != 1600000000 || s.Foreign[0].Size != 20 {
		t.Errorf("scan: %+v %+v", s.Messages, s.Foreign)
	}

	w.must(w.outside.Write("INBOX/cur/foreign", []byte("bytes that no server sent\n")))
	if _, placed := link("cur/foreign", 8); strings.Contains(placed.Name, "H=") {
		t.Errorf("%q tells a digest that no server vouches for", placed.Name)
	}
}

// A file that a reader has seen stays where readers have it, with all its letters, and a
// name is followed that a reader changes between link and unlink: what it changed is not lost.
func maildirLinkSeen(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	w.must(w.outside.Write("INBOX/cur/foreign:2,Sz", []byte("read\n")))
	w.must(w.outside.Write("INBOX/cur/plain", []byte("old\n")))
	w.must(w.outside.Write("INBOX/new/fresh", []byte("fresh\n")))
	w.scan(m)
	for i, c := range []struct{ name, renamed, dir, letters, then string }{
		{"cur/foreign:2,Sz", "cur/foreign:2,Fz", "cur/", ":2,Sz", ":2,Fz"},
		{"cur/plain", "cur/plain:2,T", "cur/", ":2,", ":2,T"},
		{"new/fresh", "cur/fresh:2,", "new/", "", ""},
	} {
		as, err := m.Inspect(c.name, nil)
		w.must(err)
		as.UID, as.Token = state.UID(i+1), maildirToken
		placed, err := m.Link("INBOX", c.name, as, &w.kw)
		w.must(err)
		if key, letters, _ := strings.Cut(placed.Name, ":2,"); !strings.HasPrefix(key, c.dir) ||
			c.letters != strings.TrimPrefix(placed.Name, key) {
			t.Errorf("%s became %s %s", c.name, placed.Name, letters)
		}
		w.must(w.outside.Rename("INBOX/"+c.name, "INBOX/"+c.renamed))
		w.must(m.Unlink(c.name, "INBOX", placed.Name))
		s := w.scan(m)
		if _, letters, _ := strings.Cut(s.NameAt(s.Messages[i].Name), ":2,"); letters != strings.TrimPrefix(c.then, ":2,") {
			t.Errorf("%s became %s meanwhile, and %q stayed", c.name, c.renamed, s.NameAt(s.Messages[i].Name))
		}
	}
	if s := w.scan(m); len(s.Messages) != 3 || len(s.Foreign) != 0 {
		t.Errorf("scan: %+v %+v", s.Messages, s.Foreign)
	}
}

// A file that is linked into another Maildir has two lives: what a reader did with it in one
// is nothing in the other, and what is taken away in one stays in the other.
func maildirLinkElsewhere(t *testing.T, w *maildirWorld) {
	const body = "Subject: x\r\n\r\nbody\r\n"
	m, other := w.create("INBOX"), w.create("Work")
	name := w.deliver(m, 1, state.Seen|state.Flagged, body)
	as, err := m.Inspect(name, nil)
	w.must(err)
	for i, c := range []struct {
		fresh bool
		flags state.Flags
		place string
	}{
		{true, 0, "new/"}, {true, state.Answered, "cur/:2,R"}, {false, 0, "cur/:2,"},
	} {
		as.UID, as.Token, as.Flags, as.Confirmed, as.Fresh = state.UID(i+7), maildirToken, c.flags, false, c.fresh
		placed, err := other.Link("INBOX", name, as, &w.kw)
		w.must(err)
		key, info, _ := strings.Cut(placed.Name, ":2,")
		if got := key[:4] + strings.TrimPrefix(placed.Name, key); got != c.place || placed.Flags != c.flags || strings.Contains(key, "H=") || info == "SF" {
			t.Errorf("linked as %+v, want %s", placed, c.place)
		}
		if i == 0 {
			_, err := other.Flag(placed.Name, state.Draft, state.Draft, &w.kw)
			w.must(err)
		}
	}
	if s := w.scan(m); len(s.Messages) != 1 || s.Messages[0].Flags != state.Seen|state.Flagged {
		t.Errorf("the first lies as %+v", s.Messages)
	}
	w.must(m.Trash(name))
	w.must(m.Sync())
	w.must(other.Sync())
	if s := w.scan(other); len(s.Messages) != 3 || s.Messages[0].Flags != state.Draft {
		t.Errorf("the others lie as %+v", s.Messages)
	}
}

// What a reader changes of a file that is on its way to another Maildir goes with it, in the
// letters of that one.
func maildirLinkOnItsWay(t *testing.T, w *maildirWorld) {
	from, to := w.create("INBOX"), w.create("Work")
	w.must(w.outside.Write("INBOX/dovecot-keywords", []byte("0 One\n1 Two\n2 Three\n")))
	w.must(w.outside.Write("Work/dovecot-keywords", []byte("0 Two\n1 One\n")))
	w.must(w.outside.Write("INBOX/cur/x:2,Sa", []byte("one\n")))
	w.scan(from)
	w.scan(to)
	as, err := from.Inspect("cur/x:2,Sa", nil)
	w.must(err)
	one, _ := w.kw.Bit("One")
	as.UID, as.Token, as.Flags = 1, maildirToken, state.Seen|one
	placed, err := to.Link("INBOX", "cur/x:2,Sa", as, &w.kw)
	w.must(err)
	w.must(w.outside.Rename("INBOX/cur/x:2,Sa", "INBOX/cur/x:2,Fbc"))
	w.must(from.Unlink("cur/x:2,Sa", "Work", placed.Name))
	if _, name := w.only(to); !strings.HasSuffix(name, ":2,Fa") {
		t.Errorf("%q was changed, and %q is left", placed.Name, name)
	}
	if s := w.scan(from); len(s.Messages)+len(s.Foreign) != 0 {
		t.Errorf("scan: %+v %+v", s.Messages, s.Foreign)
	}
}

func maildirRename(t *testing.T, w *maildirWorld) {
	w.create("Work/2024")
	name := w.deliver(w.create("Work"), 1, state.Seen, "one\r\n")
	w.create("Busy")
	if err := w.tree.Rename("Work", "Busy"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("renamed onto another: %v", err)
	}
	for _, to := range []string{"Work/2025", "../x", "."} {
		if err := w.tree.Rename("Work", to); err == nil {
			t.Errorf("renamed to %q", to)
		}
	}
	w.must(w.tree.Rename("Work", "New/Job"))
	for _, dir := range []string{"New/Job", "New/Job/2024"} {
		if _, err := w.tree.Open(dir); err != nil {
			t.Error(err)
		}
	}
	m, err := w.tree.Open("New/Job")
	w.must(err)
	if _, got := w.only(m); path.Base(got) != path.Base(name) {
		t.Errorf("it holds %q", got)
	}
	if err := w.tree.Rename("Work", "Other"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("renamed what is gone: %v", err)
	}
}
