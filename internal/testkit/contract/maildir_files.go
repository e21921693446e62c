package contract

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
)

func maildirReceive(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	long := strings.Repeat("a line of a long message\r\n", 40_000)
	for uid, test := range []struct {
		body string
		form state.Form
		disk int
	}{
		{"Subject: x\r\n\r\nbody\r\n", state.FormLF, 17},
		{"last line without an end\r\nend", state.FormLF, 28},
		{"bare\nLF\r\n", state.FormRaw, 9},
		{"bare\rCR\r\n", state.FormRaw, 9},
		{"ends in CR\r\n\r", state.FormRaw, 13},
		{"\n", state.FormRaw, 1},
		{"", state.FormRaw, 0},
		{"no end at all", state.FormRaw, 13},
		{long, state.FormLF, len(long) - 40_000},
		{long + "\n", state.FormRaw, len(long) + 1},
		{long + "\r", state.FormRaw, len(long) + 1},
	} {
		got := w.receive(m, state.UID(uid+1), state.Seen, test.body)
		if got.Digest != maildirDigest(test.body) || got.Bytes != int64(len(test.body)) ||
			got.Form != test.form || got.OnDisk != int64(test.disk) {
			t.Errorf("%.20q: received form %d, %d octets, %d on disk; want form %d, %d and %d", test.body,
				got.Form, got.Bytes, got.OnDisk, test.form, len(test.body), test.disk)
		}
		namePlace, err := m.Publish(got, &w.kw)
		w.must(err)
		name := namePlace.Name
		for _, want := range []*state.Proof{nil, {Digest: got.Digest, Bytes: got.Bytes}} {
			again, err := m.Inspect(name, want)
			w.must(err)
			if again.Digest != got.Digest || again.Bytes != got.Bytes || again.Form != got.Form || again.OnDisk != got.OnDisk {
				t.Errorf("%.20q: inspected %+v, received %+v", test.body, again, got)
			}
			if h := again.Hints; !again.Confirmed || h.OnDisk != got.OnDisk || h.Bytes != got.Bytes {
				t.Errorf("%.20q: the name says %+v and vouches %v", test.body, h, again.Confirmed)
			}
		}
	}
}

func maildirReceiveCut(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	broken := errors.New("connection reset")
	for _, r := range []io.Reader{
		strings.NewReader("short"),
		strings.NewReader("far too long for what was announced"),
		io.MultiReader(strings.NewReader("12345"), errReader{broken}),
		io.MultiReader(strings.NewReader("1234567890"), errReader{broken}),
	} {
		if got, err := m.Receive(state.Incoming{UID: 1, Token: maildirToken, Size: 10}, r); err == nil {
			t.Errorf("received %+v, want an error", got)
		}
	}
	if s := w.scan(m); len(s.Messages)+len(s.Foreign) != 0 {
		t.Errorf("something is left: %+v", s)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func maildirPublish(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	fresh := w.deliver(m, 1, 0, "one\r\n")
	read := w.deliver(m, 2, state.Seen|state.Answered, "two\r\n")
	if !strings.HasPrefix(fresh, "new/") || strings.Contains(fresh, "2,") {
		t.Errorf("fresh mail is %q", fresh)
	}
	if !strings.HasPrefix(read, "cur/") || !strings.HasSuffix(read, "2,RS") {
		t.Errorf("read mail is %q", read)
	}
	s := w.scan(m, 1, 2)
	if len(s.Messages) != 2 || !s.Complete || !s.Messages[0].New || s.Messages[1].New ||
		s.Messages[1].Flags != state.Seen|state.Answered || s.Messages[0].Size != 5 || s.Messages[0].Variant != 1 {
		t.Errorf("scan: %+v", s)
	}
	other := w.receive(m, 1, 0, "another generation's message\r\n")
	other.Token = "other"
	namePlace, err := m.Publish(other, &w.kw)
	w.must(err)
	name := namePlace.Name
	if s := w.scan(m); len(s.Messages) != 2 || len(s.Foreign) != 1 || s.Foreign[0].Token != "other" ||
		s.Foreign[0].UID != 1 || s.Foreign[0].Name != name {
		t.Errorf("scan with another generation's file: %+v", s.Foreign)
	}
	for _, token := range []string{"", "a/b", "a.b"} {
		bad := w.receive(m, 3, 0, "x")
		bad.Token = token
		if _, err := m.Publish(bad, &w.kw); err == nil {
			t.Errorf("token %q was taken", token)
		}
		m.Discard(bad)
	}
}

// maildirPublishTwice: before and after a scan, and wherever another program has put
// the file meanwhile.
func maildirPublishTwice(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	w.deliver(m, 1, 0, "one\r\n")
	again := func(m port.Maildir) {
		t.Helper()
		_, want := w.only(m)
		if got := w.deliver(m, 1, state.Flagged, "one\r\n"); got != want {
			t.Errorf("published again as %q, want %q", got, want)
		}
		w.only(m)
	}
	again(m)
	_, name := w.only(m)
	moved := "cur/" + path.Base(name) + maildirInfo(w, m) + "S"
	w.must(w.outside.Rename("INBOX/"+name, "INBOX/"+moved))
	if got := w.deliver(m, 1, 0, "one\r\n"); got != moved {
		t.Errorf("published again as %q, want %q", got, moved)
	}
	fresh, err := w.tree.Open("INBOX")
	w.must(err)
	if got := w.deliver(fresh, 1, 0, "one\r\n"); got != moved { // it has not scanned
		t.Errorf("published again as %q, want %q", got, moved)
	}
	again(fresh)
}

// maildirInfo is what stands between key and flags here: ":2," or ";2,".
func maildirInfo(w *maildirWorld, m port.Maildir) string {
	w.Helper()
	name := w.deliver(m, 999, state.Seen, "probe")
	w.must(m.Trash(name))
	w.must(m.Sync())
	return name[len(name)-4 : len(name)-1]
}

func maildirOccupied(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	name := w.deliver(m, 1, state.Seen, "one\r\n")
	for _, body := range []string{"two\r\n", "one\r\n\r\n", "one", ""} {
		got := w.receive(m, 1, 0, body)
		if _, err := m.Publish(got, &w.kw); !errors.Is(err, state.ErrOccupied) {
			t.Fatalf("publish of %q over another: %v, want state.ErrOccupied", body, err)
		}
		got.Variant = 2
		secondPlace, err := m.Publish(got, &w.kw)
		w.must(err)
		second := secondPlace.Name
		s := w.scan(m)
		if len(s.Messages) != 2 || s.Messages[1].Variant != 2 || s.NameAt(s.Messages[0].Name) != name {
			t.Fatalf("scan: %+v", s.Messages)
		}
		w.must(m.Trash(second))
	}
}

func maildirTrash(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	one := w.deliver(m, 1, state.Seen, "one\r\n")
	two := w.deliver(m, 2, 0, "two\r\n")
	w.must(m.Trash(one))
	if err := m.Trash(one); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second trash: %v, want fs.ErrNotExist", err)
	}
	w.must(m.Sync())
	if _, name := w.only(m); name != two {
		t.Errorf("left is %q, want %q", name, two)
	}
	if name := w.deliver(m, 1, state.Seen, "one\r\n"); name != one {
		t.Errorf("delivered again as %q, want %q", name, one)
	}
	for _, bad := range []string{"", "cur", "tmp/x", "../INBOX/" + two, "mailsync.marker", "cur/../new/x"} {
		if err := m.Trash(bad); err == nil {
			t.Errorf("trash of %q", bad)
		}
	}
}

func maildirScan(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	for _, uid := range []state.UID{9, 10, 1, 1<<32 - 1} {
		w.deliver(m, uid, state.Seen, "x")
	}
	for _, name := range []string{"cur/1.other.host" + maildirInfo(w, m) + "FS", "new/2.other.host", "cur/no info", "cur/.hidden"} {
		w.must(w.outside.Write("INBOX/"+name, []byte("x")))
	}
	s := w.scan(m)
	var uids []state.UID
	for _, f := range s.Messages {
		uids = append(uids, f.UID)
		if got, err := m.Inspect(s.NameAt(f.Name), nil); err != nil || got.UID != f.UID || got.Token != maildirToken {
			t.Errorf("inspect %d: %+v, %v", f.UID, got, err)
		}
	}
	if want := []state.UID{1, 9, 10, 1<<32 - 1}; !slices.Equal(uids, want) {
		t.Errorf("UIDs %v, want %v", uids, want)
	}
	if len(s.Foreign) != 3 || s.Foreign[0].Flags != state.Flagged|state.Seen || !s.Foreign[2].New || s.Foreign[0].Size != -1 {
		t.Errorf("foreign files: %+v", s.Foreign)
	}
	if !s.Scanned || s.Can&state.System != state.System {
		t.Errorf("said %v, can %v", s.Scanned, s.Can)
	}
}

// maildirDoubles: one message in new and, read by another program, in cur.
func maildirDoubles(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	name := w.deliver(m, 1, 0, "one\r\n")
	w.must(w.outside.Write("INBOX/cur/"+path.Base(name)+maildirInfo(w, m)+"S", []byte("other\n")))
	s := w.scan(m, 1)
	if len(s.Messages) != 2 || s.Messages[0].UID != 1 || s.Messages[1].UID != 1 || !s.Complete {
		t.Errorf("scan: %+v", s.Messages)
	}
	if got := w.deliver(m, 1, 0, "one\r\n"); got != name {
		t.Errorf("published as %q, want the equal one of two, %q", got, name)
	}
}

func maildirGone(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	name := w.deliver(m, 1, state.Seen, "one\r\n")
	w.deliver(m, 2, 0, "two\r\n")
	w.must(w.outside.Remove("INBOX/" + name))
	s := w.scan(m, 1, 2, 3)
	if len(s.Messages) != 1 || s.Messages[0].UID != 2 {
		t.Errorf("scan: %+v", s.Messages)
	}
	if !s.Complete {
		t.Error("a quiet Maildir's scan is not complete")
	}
}

// maildirDrop: a file goes only while it holds what lies elsewhere, under whatever name.
func maildirDrop(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	one, two := w.deliver(m, 1, 0, "one\r\n"), w.deliver(m, 2, state.Seen, "two\r\n")
	w.scan(m)
	got, err := m.Inspect(one, nil)
	w.must(err)
	want := &state.Proof{Digest: got.Digest, Bytes: got.Bytes}
	if err := m.Drop(two, want); !errors.Is(err, state.ErrOccupied) {
		t.Errorf("drop another message: %v", err)
	}
	if _, err := m.Flag(one, state.Flagged, state.Flagged, &w.kw); err != nil {
		t.Fatal(err)
	}
	w.must(m.Drop(one, want))
	w.must(m.Sync())
	w.must(m.Drop(one, want)) // again
	if s := w.scan(m, 1, 2); len(s.Messages) != 1 || s.Messages[0].UID != 2 {
		t.Errorf("left are %+v", s.Messages)
	}
}
