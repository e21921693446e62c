package contract

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
)

// Outside is another mail program at work in the same tree. Names are relative to its
// root, slash-separated.
type Outside interface {
	Write(name string, data []byte) error
	Rename(old, new string) error
	Remove(name string) error
}

// Maildir runs the suite for sync.Tree and sync.Maildir. newTree returns an empty tree
// and a way to change it behind its back, another each time.
func Maildir(t *testing.T, newTree func(t *testing.T) (port.Tree, Outside)) {
	tests := []struct {
		name string
		run  func(t *testing.T, w *maildirWorld)
	}{
		{"open needs a Maildir", maildirOpenNeedsOne},
		{"create is open with a marker, and may be repeated", maildirCreate},
		{"find sees every marker", maildirFind},
		{"a marker that is damaged is not missing", maildirMarkerDamaged},
		{"places are free, contained and apart", maildirPlaces},
		{"a body is what came, and lies in its form", maildirReceive},
		{"a body that ends early leaves nothing", maildirReceiveCut},
		{"fresh mail goes to new, flagged mail to cur", maildirPublish},
		{"the same message twice is one file", maildirPublishTwice},
		{"another message is never overwritten", maildirOccupied},
		{"a scan tells ours from others", maildirScan},
		{"a scan lists both files of one identity", maildirDoubles},
		{"a missing file is proven to be gone", maildirGone},
		{"flags change as asked and no others", maildirFlags},
		{"a file renamed by another program is found again", maildirFlagFollows},
		{"keywords get letters that a new Maildir reads", maildirKeywords},
		{"trash takes the file away and no other", maildirTrash},
		{"what lies elsewhere is dropped, and nothing else", maildirDrop},
		{"marks change with the folders", maildirMarks},
		{"what identifies a file is read from it", maildirIdent},
		{"a file gets a second name and loses the first", maildirLink},
		{"a file that was read stays read under its second name", maildirLinkSeen},
		{"a file that is linked into another Maildir has two lives", maildirLinkElsewhere},
		{"a file that a reader changes on its way to another Maildir", maildirLinkOnItsWay},
		{"a Maildir is renamed whole, and onto nothing", maildirRename},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tree, outside := newTree(t)
			test.run(t, &maildirWorld{T: t, tree: tree, outside: outside})
		})
	}
}

const maildirToken = "tok7en"

// maildirWorld is a tree and what is asked of it, with failures that end the test.
type maildirWorld struct {
	*testing.T
	tree    port.Tree
	outside Outside
	kw      state.Keywords
}

func (w *maildirWorld) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func maildirMarker(path string) state.Marker {
	return state.Marker{AccountID: "id", Host: "imap.example.org", User: "ada",
		Raw: "Entw&APw-rfe \"x\"\n", Path: path, Role: state.RoleMailbox, Sep: "/", Use: "drafts",
		Generations: []state.MarkerGeneration{{UIDValidity: 1, Token: "old"}, {UIDValidity: 1<<32 - 1, Token: maildirToken}}}
}

func (w *maildirWorld) create(path string) port.Maildir {
	w.Helper()
	m, err := w.tree.Create(path, maildirMarker(path))
	w.must(err)
	return m
}

func (w *maildirWorld) receive(m port.Maildir, uid state.UID, flags state.Flags, body string) state.Received {
	w.Helper()
	got, err := m.Receive(state.Incoming{UID: uid, Token: maildirToken, Flags: flags, Date: 1700000000,
		Size: int64(len(body))}, strings.NewReader(body))
	w.must(err)
	return got
}

func (w *maildirWorld) deliver(m port.Maildir, uid state.UID, flags state.Flags, body string) string {
	w.Helper()
	namePlace, err := m.Publish(w.receive(m, uid, flags, body), &w.kw)
	w.must(err)
	name := namePlace.Name
	w.must(m.Sync())
	return name
}

func (w *maildirWorld) scan(m port.Maildir, expect ...state.UID) *state.DiskSnapshot {
	w.Helper()
	s, err := m.Scan(context.Background(), maildirToken, expect, &w.kw)
	w.must(err)
	return s
}

// only is the one message of a scan.
func (w *maildirWorld) only(m port.Maildir) (state.OnDisk, string) {
	w.Helper()
	s := w.scan(m)
	if len(s.Messages) != 1 {
		w.Fatalf("%d messages, want 1", len(s.Messages))
	}
	return s.Messages[0], s.NameAt(s.Messages[0].Name)
}

func maildirOpenNeedsOne(t *testing.T, w *maildirWorld) {
	if _, err := w.tree.Open("INBOX"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("open of nothing: %v, want fs.ErrNotExist", err)
	}
	if _, err := w.tree.Open("../INBOX"); err == nil {
		t.Error("a path that leads out of the tree was opened")
	}
	if n, err := w.tree.Free(); err != nil || n <= 0 {
		t.Errorf("free: %d, %v", n, err)
	}
}

func maildirCreate(t *testing.T, w *maildirWorld) {
	w.create("Archive/2024")
	m := w.create("Archive/2024")
	name := w.deliver(m, 1, 0, "one\r\n")
	m = w.create("Archive/2024")
	if _, got := w.only(m); got != name {
		t.Errorf("after another create: %q, want %q", got, name)
	}
	m, err := w.tree.Open("Archive/2024")
	w.must(err)
	mk, err := m.Marker()
	w.must(err)
	want := maildirMarker("Archive/2024")
	if !slices.Equal(mk.Generations, want.Generations) || mk.Raw != want.Raw || mk.Path != want.Path || mk.Host != want.Host ||
		mk.User != want.User || mk.AccountID != want.AccountID || mk.Role != want.Role || mk.Sep != want.Sep || mk.Use != want.Use {
		t.Errorf("marker %+v, want %+v", mk, want)
	}
	mk.Generations = mk.Generations[1:]
	w.must(m.SetMarker(mk))
	if got, err := m.Marker(); err != nil || len(got.Generations) != 1 {
		t.Errorf("replaced marker: %+v, %v", got, err)
	}
	w.must(m.Tidy())
}

func maildirFind(t *testing.T, w *maildirWorld) {
	for _, path := range []string{"INBOX", "Archive/2024", "Archive"} {
		w.create(path)
	}
	found, err := w.tree.Find(context.Background())
	w.must(err)
	var paths []string
	for _, f := range found {
		w.must(f.Err)
		if f.Marker.Path != f.Path {
			t.Errorf("marker in %s says %s", f.Path, f.Marker.Path)
		}
		paths = append(paths, f.Path)
	}
	if want := []string{"Archive", "Archive/2024", "INBOX"}; !slices.Equal(paths, want) {
		t.Errorf("found %q, want %q", paths, want)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.tree.Find(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled find: %v", err)
	}
}

func maildirMarkerDamaged(t *testing.T, w *maildirWorld) {
	m := w.create("INBOX")
	w.must(w.outside.Remove("INBOX/mailsync.marker"))
	if _, err := m.Marker(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("marker gone: %v, want fs.ErrNotExist", err)
	}
	w.must(w.outside.Write("INBOX/mailsync.marker", nil))
	if _, err := m.Marker(); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty marker: %v, want another error", err)
	}
	found, err := w.tree.Find(context.Background())
	w.must(err)
	if len(found) != 1 || found[0].Err == nil {
		t.Errorf("found %+v, want one with an error", found)
	}
}

func maildirPlaces(t *testing.T, w *maildirWorld) {
	taken := map[string]bool{}
	for _, levels := range [][]string{
		{"INBOX"}, {"Archive", "2024"}, {"archive"}, {"Archive"}, {"Caf\u00e9"}, {"Cafe\u0301"}, {"..", ".."}, {""}, {"cur"},
		{"a/b"}, {"CON"}, {strings.Repeat("x", 300)}, {strings.Repeat("x", 301)}, {"mailsync.marker"}, {"\xff\x00"},
	} {
		path := w.tree.Place(levels, func(p string) bool { return taken[p] })
		if taken[path] || !fs.ValidPath(path) {
			t.Errorf("place of %q is %q", levels, path)
		}
		taken[path] = true
		w.create(path)
	}
	if !taken["INBOX"] || !taken["Archive/2024"] {
		t.Errorf("plain names were changed: %v", taken)
	}
	for path := range taken {
		w.must(ignore(w.tree.Open(path)))
	}
}

func ignore[T any](_ T, err error) error { return err }

func maildirDigest(body string) [state.DigestSize]byte { return sha256.Sum256([]byte(body)) }
