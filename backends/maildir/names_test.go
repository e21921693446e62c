package maildir

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"mailsync/internal/testkit/disktest"
)

func free(string) bool { return false }

func TestPlaceSpellings(t *testing.T) {
	long := strings.Repeat("x", 239)
	for _, test := range []struct {
		layout Layout
		levels []string
		want   string
	}{
		{FS, []string{"INBOX"}, "INBOX"},
		{FS, []string{"inbox"}, "INBOX"},
		{FS, []string{"Inbox", "inbox"}, "INBOX/inbox"},
		{FS, []string{"Archive", "2024"}, "Archive/2024"},
		{FS, []string{"Entwürfe & Co"}, "Entwürfe & Co"},
		{FS, []string{"a.b"}, "a.b"},
		{FS, []string{".hidden"}, "%2Ehidden"},
		{FS, []string{"."}, "%2E"},
		{FS, []string{".."}, "%2E%2E"},
		{FS, []string{"...", "x"}, "%2E.%2E/x"},
		{FS, []string{"dot."}, "dot%2E"},
		{FS, []string{"blank "}, "blank%20"},
		{FS, []string{"", "x"}, "%_/x"},
		{FS, []string{"cur"}, "%63ur"},
		{FS, []string{"x", "New"}, "x/%4Eew"},
		{FS, []string{"tmp"}, "%74mp"},
		{FS, []string{"curfew"}, "curfew"},
		{FS, []string{"mailsync.marker"}, "%6Dailsync.marker"},
		{FS, []string{"mailsync.state"}, "%6Dailsync.state"},
		{FS, []string{"mailsync"}, "mailsync"},
		{FS, []string{"dovecot"}, "dovecot"},
		{FS, []string{"dovecot-uidlist"}, "%64ovecot-uidlist"},
		{FS, []string{"Dovecot.index"}, "%44ovecot.index"},
		{FS, []string{"subscriptions"}, "%73ubscriptions"},
		{FS, []string{"courierimapuiddb"}, "%63ourierimapuiddb"},
		{FS, []string{"maildirfolder"}, "%6Daildirfolder"},
		{FS, []string{"a/b"}, "a%2Fb"},
		{FS, []string{`\:*?"<>|%`}, "%5C%3A%2A%3F%22%3C%3E%7C%25"},
		{FS, []string{"a\x00b\nc\x7fd"}, "a%00b%0Ac%7Fd"},
		{FS, []string{"\u0085"}, "%C2%85"},
		{FS, []string{"\xff"}, "%FF"},
		{FS, []string{"CON"}, "%43ON"},
		{FS, []string{"nul.txt"}, "%6Eul.txt"},
		{FS, []string{"com1"}, "%63om1"},
		{FS, []string{"COM²"}, "%43OM²"},
		{FS, []string{"LPT9 .x"}, "%4CPT9 .x"},
		{FS, []string{"console"}, "console"},
		{FS, []string{long + "y"}, long + "y"},
		{PlusPlus, []string{"INBOX"}, "."},
		{PlusPlus, []string{"Archive", "2024"}, ".Archive.2024"},
		{PlusPlus, []string{"a.b"}, ".a%2Eb"},
		{PlusPlus, []string{"INBOX", "x"}, ".INBOX.x"},
	} {
		tree := Open(disktest.NewMem(disktest.MemOptions{}), Options{Layout: test.layout})
		if got := tree.Place(test.levels, free); got != test.want {
			t.Errorf("%v: place of %q is %q, want %q", test.layout, test.levels, got, test.want)
		}
	}
}

// What differs only by case or normal form, or in what a short name has lost, lies
// apart, whether the other one is on disk, was placed in this run, or is known to taken.
func TestPlaceKeepsSiblingsApart(t *testing.T) {
	long := strings.Repeat("ü", 200)
	for _, pair := range [][2][]string{
		{{"Archive"}, {"archive"}},
		{{"Caf\u00e9"}, {"Cafe\u0301"}},
		{{"straße"}, {"STRASSE"}},
		{{"Archive", "2024"}, {"ARCHIVE", "2024"}},
		{{"Archive", "2024"}, {"archive"}},
		{{long + "a"}, {long + "b"}},
		{{"x", "INBOX"}, {"x", "inbox"}},
	} {
		for _, layout := range []Layout{FS, PlusPlus} {
			mem := disktest.NewMem(disktest.MemOptions{})
			tree := Open(mem, Options{Layout: layout})
			first := tree.Place(pair[0], free)
			second := tree.Place(pair[1], free)
			if fold(first) == fold(second) {
				t.Errorf("%v: %q and %q are placed at %q and %q", layout, pair[0], pair[1], first, second)
			}
			if err := mkdirs(mem, first); err != nil {
				t.Fatal(err)
			}
			next := Open(mem, Options{Layout: layout}) // another run: only the disk knows
			if got := next.Place(pair[1], free); fold(got) == fold(first) {
				t.Errorf("%v: %q is placed at %q beside %q", layout, pair[1], got, first)
			}
			if got := Open(disktest.NewMem(disktest.MemOptions{}), Options{Layout: layout}).
				Place(pair[1], func(p string) bool { return p == first }); got == first {
				t.Errorf("%v: %q is placed at %q, which is taken", layout, pair[1], got)
			}
		}
	}
}

// A server may send a name of any depth; its place is found in no time and never deeper
// than a path can be.
func TestPlaceOfAVeryDeepName(t *testing.T) {
	levels := make([]string, 100_000)
	for i := range levels {
		levels[i] = "x"
	}
	tree := Open(disktest.NewMem(disktest.MemOptions{}), Options{})
	first := tree.Place(levels, free)
	levels[len(levels)-1] = "y"
	if second := tree.Place(levels, free); len(first) > maxPath || second == first {
		t.Errorf("placed at %d bytes, and its sibling in the same place: %v", len(first), second == first)
	}
}

// Also a path that is all hash gives way to one that is taken.
func TestPlaceOfALongNameThatIsTaken(t *testing.T) {
	for _, layout := range []Layout{FS, PlusPlus} {
		levels := slices.Repeat([]string{strings.Repeat("x", 100)}, 20)
		tree := Open(disktest.NewMem(disktest.MemOptions{}), Options{Layout: layout})
		used := map[string]bool{}
		for range 3 {
			tries := 0
			p := tree.Place(levels, func(p string) bool {
				if tries++; tries > 100 {
					t.Fatalf("%v: asked for %q again and again", layout, p)
				}
				return used[p]
			})
			checkPlace(t, layout, levels, p)
			used[p] = true
		}
		if len(used) != 3 {
			t.Errorf("%v: three mailboxes in %d places", layout, len(used))
		}
	}
}

func levelsOf(t *rapid.T) []string {
	level := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune(`./\:*?"<>|% ~_aAüÜ`+"\x00\n\u0301")), 0, 12, -1),
		rapid.StringOfN(rapid.RuneFrom([]rune("xüÜ漢%.")), 200, 400, -1),
		rapid.SampledFrom([]string{"INBOX", "inbox", "cur", "NEW", "tmp", "con", "nul.x", "dovecot.index", "mailsync.marker", ".mailsync", "%2E", "%_", "%~"}),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) }),
	)
	return rapid.SliceOfN(level, 1, 12).Draw(t, "levels")
}

// checkPlace holds for every mailbox name there can be.
func checkPlace(t interface {
	Helper()
	Errorf(string, ...any)
}, layout Layout, levels []string, p string) {
	t.Helper()
	if !fs.ValidPath(p) {
		t.Errorf("%q: %q leads out of the tree or is no path", levels, p)
		return
	}
	if layout == PlusPlus && p == "." {
		return
	}
	for _, name := range strings.Split(p, "/") {
		plain := strings.TrimPrefix(name, ".")
		if layout == FS {
			plain = name
		}
		switch {
		case len(name) > maxName:
			t.Errorf("%q: %q has %d bytes", levels, name, len(name))
		case strings.ContainsAny(name, `\:*?"<>|`) || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl):
			t.Errorf("%q: %q has a character that cannot be", levels, name)
		case strings.HasPrefix(plain, ".") || strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") || isReserved(plain):
			t.Errorf("%q: %q means something else", levels, name)
		}
	}
	if len(p) > maxPath {
		t.Errorf("%q: path of %d bytes", levels, len(p))
	}
	if back, ok := layout.Read(p); ok {
		if strings.EqualFold(levels[0], inbox) && len(levels) > 0 && back[0] == inbox {
			back[0] = levels[0]
		}
		if strings.Join(back, "\x00") != strings.Join(levels, "\x00") {
			t.Errorf("%q: %q reads back as %q", levels, p, back)
		}
	} else if !strings.Contains(p, hashMark) {
		t.Errorf("%q: %q has no hash and does not read back", levels, p)
	}
}

func TestPlaceProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		layout := rapid.SampledFrom([]Layout{FS, PlusPlus}).Draw(t, "layout")
		tree := Open(disktest.NewMem(disktest.MemOptions{}), Options{Layout: layout})
		used := map[string]bool{}
		for range rapid.IntRange(1, 6).Draw(t, "mailboxes") {
			levels := levelsOf(t)
			p := tree.Place(levels, func(p string) bool { return used[fold(p)] })
			checkPlace(t, layout, levels, p)
			if used[fold(p)] {
				t.Errorf("%q: %q is used", levels, p)
			}
			used[fold(p)] = true
		}
	})
}

func FuzzPlace(f *testing.F) {
	for _, s := range []string{"INBOX", "Archive\x1f2024", "..\x1f..\x1fetc", "", "\x1f", "CON.\x1f ", "%2E", strings.Repeat("ü", 130)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		levels := strings.Split(s, "\x1f")
		for _, layout := range []Layout{FS, PlusPlus} {
			tree := Open(disktest.NewMem(disktest.MemOptions{}), Options{Layout: layout})
			checkPlace(t, layout, levels, tree.Place(levels, free))
		}
	})
}
