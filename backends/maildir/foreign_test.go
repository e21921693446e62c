package maildir

import (
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// put makes files with the folders above them; a name that ends in a slash is a folder.
func put(t *testing.T, mem *disktest.Mem, names ...string) {
	t.Helper()
	for _, name := range names {
		dir := path.Dir(name)
		if strings.HasSuffix(name, "/") {
			dir = strings.TrimSuffix(name, "/")
		}
		if err := mkdirs(mem, dir); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, "/") {
			if err := writeFile(mem, name, []byte("x")); err != nil {
				t.Fatal(err)
			}
			if err := mem.SyncDir(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func paths(found []state.ForeignMaildir) (all []string) {
	for _, f := range found {
		all = append(all, f.Path)
	}
	return all
}

func TestForeign(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	put(t, mem,
		"INBOX/cur/1.a.host:2,S", "INBOX/new/2.a.host", "INBOX/tmp/3.a.host", "INBOX/cur/.hidden",
		"Archive/2024/new/1.a.host", "Archive/2024/cur/",
		".Sent/cur/x", // a backup left out its empty folders
		"Empty/cur/", "Empty/new/", "Half/cur/",
		"Ours/cur/1700000000.U1Tabc123.mailsync,S=3,W=3:2,S", "Ours/new/mine",
		"Marked/cur/x", "Marked/new/", "Marked/"+markerFile,
		"none/x", ".mailsync/trash/x")
	tree := Open(mem, Options{})
	found, err := tree.Foreign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, f := range found {
		got[f.Path] = f.Messages
	}
	if want := map[string]int{"INBOX": 2, "Archive/2024": 1, ".Sent": 1, "Empty": 0}; !reflect.DeepEqual(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}

	if err := tree.LeaveAlone(found, true); err != nil {
		t.Fatal(err)
	}
	for _, later := range []string{"this run", "the next run", "after a power cut"} {
		again := tree
		if later != "this run" {
			again = Open(mem, Options{})
		}
		if later == "after a power cut" {
			mem = mem.Crash(rand.New(rand.NewPCG(1, 1)))
			again = Open(mem, Options{})
		}
		free := func(string) bool { return false }
		for levels, want := range map[string]string{
			"INBOX": "INBOX%~", "inbox": "INBOX%~", "Archive": "Archive", "Archive/2024": "Archive/2024%~", "Archive/2025": "Archive/2025",
			"INBOX/Sub": "INBOX%~", "Empty": "Empty%~",
		} {
			p := again.Place(strings.Split(levels, "/"), free)
			if exact := !strings.HasSuffix(want, "%~"); exact && p != want || !strings.HasPrefix(p, want) {
				t.Errorf("%s: %s is placed at %s, want %s…", later, levels, p, want)
			}
		}
		if left, err := again.Foreign(t.Context()); err != nil || len(left) > 0 {
			t.Errorf("and again %v, %v", paths(left), err)
		}
		if _, err := again.Create("INBOX", state.Marker{}); err == nil {
			t.Error("INBOX was taken over")
		}
	}

	// What is made later is not: but below such a Maildir, and under another name.
	put(t, mem, "Later/cur/", "Later/new/x", "INBOX/Sub/cur/", "INBOX/Sub/new/x")
	if err := mem.Rename("Archive/2024", "Archive/old"); err != nil {
		t.Fatal(err)
	}
	made, err := Open(mem, Options{}).Unmarked(t.Context())
	var at []string
	for _, m := range made {
		at = append(at, m.Path)
	}
	if err != nil || strings.Join(at, " ") != "Later Ours" {
		t.Errorf("unmarked are %v, %v", at, err)
	}
}

// INBOX lies nowhere but at the root in layout maildir++.
func TestForeignRoot(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	put(t, mem, "cur/1.a.host:2,S", "new/", "tmp/", ".Sent/cur/x", ".Sent/new/")
	for layout, refused := range map[Layout]bool{FS: false, PlusPlus: true} {
		tree := Open(mem, Options{Layout: layout})
		found, err := tree.Foreign(t.Context())
		if err != nil || strings.Join(paths(found), " ") != ". .Sent" {
			t.Fatalf("%v: %v, %v", layout, paths(found), err)
		}
		if err := tree.LeaveAlone(found, false); (err != nil) != refused || refused && state.KindOf(err) != state.Storage {
			t.Errorf("%v: %v", layout, err)
		}
		if _, err := mem.Lstat(foreignFile); err == nil {
			t.Errorf("%v: it was written down", layout)
		}
	}
	if p := Open(mem, Options{}).Place([]string{"INBOX"}, func(string) bool { return false }); p != "INBOX" {
		t.Errorf("placed at %s", p)
	}
}

// The list reads back as it was written; one that is damaged is an error, never shorter.
func TestForeignReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []state.ForeignMaildir
		for range rapid.IntRange(0, 3).Draw(t, "n") {
			list = append(list, state.ForeignMaildir{
				Path:   rapid.SampledFrom([]string{".", "INBOX", "a b/c", "Entwürfe", "x\"\ny", "&AMQ-"}).Draw(t, "path"),
				CurIno: rapid.Uint64().Draw(t, "ino"), CurBtime: rapid.Int64().Draw(t, "born")})
		}
		text := formatForeign(list)
		if got, err := parseForeign(text); err != nil || !reflect.DeepEqual(got, list) {
			t.Fatalf("%q reads back as %+v, %v", text, got, err)
		}
		i := rapid.IntRange(0, len(text)-1).Draw(t, "at")
		b := []byte(text)
		b[i] ^= rapid.ByteMin(1).Draw(t, "flip")
		for _, damaged := range []string{text[:i], string(b)} {
			if got, err := parseForeign(damaged); err == nil {
				t.Errorf("%q reads as %+v", damaged, got)
			}
		}
	})
	mem := disktest.NewMem(disktest.MemOptions{})
	put(t, mem, foreignFile)
	tree := Open(mem, Options{})
	if _, err := tree.Find(t.Context()); state.KindOf(err) != state.Storage {
		t.Errorf("find: %v", err)
	}
	if _, err := tree.Unmarked(t.Context()); state.KindOf(err) != state.Storage {
		t.Errorf("unmarked: %v", err)
	}
}

// A link whose name is not UTF-8 cannot be recorded, and no mailbox has its name.
func TestLinkThatIsNotUTF8IsNobodysMaildir(t *testing.T) {
	root, out := t.TempDir(), t.TempDir()
	for _, d := range []string{"cur", "new"} {
		if err := os.MkdirAll(filepath.Join(out, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(out, "cur", "1.a.host:2,S"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, filepath.Join(root, "M\xfcll")); err != nil {
		t.Fatal(err)
	}
	fsys, err := disk.OpenReal(root)
	if err != nil {
		t.Fatal(err)
	}
	defer fsys.Close()
	tree := Open(fsys, Options{})
	found, err := tree.Foreign(t.Context())
	if err != nil || len(found) > 0 {
		t.Errorf("%+v, %v", found, err)
	}
	if err := tree.LeaveAlone(found, true); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(fsys, Options{}).Find(t.Context()); err != nil {
		t.Errorf("next run: %v", err)
	}
}
