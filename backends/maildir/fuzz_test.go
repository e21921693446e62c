package maildir

import (
	"slices"
	"strings"
	"testing"

	"mailsync/state"
)

// Whatever dovecot-keywords says and a file's name carries: the file is read back as it is
// written, a letter with a name keeps it, and setting flags touches no other letter.
func FuzzKeywords(f *testing.F) {
	for _, s := range []string{"", "0 hot\n1 $Junk\n", "0 a\n0 b\n25 z\n26 no\n-1 x\n", "00 x\r\n3 two words\n4 unknown-4\n5 unknown-5aa\n", "0 (\n1  y\n\n2\n", "0 x\r\r\n1 \xff\n"} {
		f.Add(s, "FSab", "hot", uint64(0x303), uint64(0x3ff))
		f.Add(s, "zzZaST", "unknown-1", uint64(0), ^uint64(0))
	}
	f.Add("0 "+strings.Repeat("long", 20_000)+"\n1 hot\n", "b", "x", uint64(0x100), uint64(0x100))
	f.Fuzz(func(t *testing.T, text, info, word string, want, mask uint64) {
		w := parseKeywords([]byte(text))
		if again := parseKeywords(w.format()); again != w {
			t.Fatalf("%q was written again as %q", w, again)
		}
		if strings.HasSuffix(text, "\n1 hot\n") && w[1] != "hot" {
			t.Fatalf("%.20q… names no b: %.20q", text, w)
		}
		grown := w
		added := grown.add([]string{word, word + "2"})
		for i, name := range w {
			if name != "" && grown[i] != name || grown[i] != "" && name == "" && !(added && spellable(grown[i])) {
				t.Fatalf("%q grew into %q", w, grown)
			}
		}

		kw := state.NewKeywords(nil)
		l := grown.letters(kw)
		on, of := state.Flags(want), state.Flags(mask)
		out := l.set(info, on, of)
		if !slices.IsSorted([]byte(out)) || len(slices.Compact([]byte(out))) != len(out) {
			t.Fatalf("the letters of %q became %q", info, out)
		}
		had, has := l.flags(info), l.flags(out)
		if expect := had&^of | on&of&l.named(); has != expect {
			t.Fatalf("%q has %x; with %x of %x it became %q, which has %x and not %x", info, had, on, of, out, has, expect)
		}
		for _, c := range []byte(info) {
			if l.flagOf(c) == 0 && strings.IndexByte(out, c) < 0 {
				t.Fatalf("%q lost %c and became %q", info, c, out)
			}
		}
		l.carried(info)
		if free := l.free(); free < 0 || free > maxLetters || l.can(kw)&l.named() != l.named() {
			t.Fatalf("%q has %d letters free", grown, free)
		}
	})
}
