package maildir

import (
	"strings"
	"testing"
)

// What a file system makes of the colon is read where programs are known to write it, and says
// nothing where not. The key stays what it was.
func TestInfoPart(t *testing.T) {
	hash := strings.Repeat("A2", hashSize/2)
	for _, own := range []string{"1.U7Tx.mailsync,S=10,W=12,H=" + hash, "1.U7Tx.mailsync,S=10,W=12", "1.U7Tx.mailsync,S=22", "1.U7-2Tx.mailsync",
		"0.P" + strings.Repeat("T7", keySize/2) + "Tx.mailsync,W=2"} {
		for _, c := range []struct {
			dir, tail, letters string
			silent             bool
		}{
			{"cur", ":2,FS", "FS", false},
			{"cur", ";2,FS", "FS", false},
			{"cur", "!2,FS", "FS", false},
			{"cur", "\uf03a2,FS", "FS", false},
			{"cur", ":2,", "", false},
			{"new", ":2,S", "S", false},
			{"new", "", "", false}, // fresh mail
			{"cur", "", "", true},
			{"cur", "_2,FS", "", true},
			{"cur", "_2,", "", true},
			{"new", "_2,", "", true},
			{"cur", "%3A2,S", "", true},
			{"cur", "=3A2,S", "", true},
			{"cur", " 2,Sa", "", true},
			{"cur", "-2,S", "", true},
			{"cur", "\uf0222,S", "", true},
			{"cur", "2,S", "", true},
			{"cur", "2,", "", true},
			{"cur", "_2,F:2,S", "S", true}, // a reader saw no flags, and added one
			{"cur", "_2,F;2,", "", true},
			{"cur", ":2,FS.TXT", "FS", false}, // an ending, or the number of a copy, is no flag
			{"cur", ":2,Sa (1)", "Sa", false},
			{"cur", ":2,.eml", "", false},
		} {
			got := partsOf(own + c.tail)
			if got.key != own || got.letters != c.letters || got.silent(c.dir) != c.silent {
				t.Errorf("%s/%s%s is taken apart as %+v, silent: %v", c.dir, own, c.tail, got, got.silent(c.dir))
			}
		}
	}
	for name, silent := range map[string]bool{
		"cur/1.U7Tx.mailsync_W=12_H=A2A2:2_S": true, // without commas
		"cur/1.U7Tx.mailsync,W=12,H=A2A2":     true, // cut off
		"cur/1.U7Tx.mailsync,W=12_":           true,
		"new/1.U7Tx.mailsync,W=12,H=A2A2":     true,
		"new/1.U7Tx.mailsync,U=3":             true,
		"cur/1.U7Tx.mailsync,U=3:2,":          false,
		"cur/1700000000.M1P2.host":            false, // another program's: there is nothing to know of it
		"cur/1700000000.M1P2.host_2,S":        false,
	} {
		dir, base, _ := strings.Cut(name, "/")
		if got := partsOf(base); got.silent(dir) != silent {
			t.Errorf("%s is taken apart as %+v, silent: %v", name, got, got.silent(dir))
		}
	}
	for base, want := range map[string]parts{
		"1700000000.M1P2.host;2,S":     {key: "1700000000.M1P2.host", letters: "S", has: true},
		"1700000000.M1P2.host,U=5!2,S": {key: "1700000000.M1P2.host,U=5", letters: "S", has: true},
		"1700000000.M1P2.host_2,S":     {key: "1700000000.M1P2.host_2,S"},
		"1700000000.M1P2.host2,S":      {key: "1700000000.M1P2.host2,S"},
		"1700000000.M1P2,S=2,W=12":     {key: "1700000000.M1P2,S=2,W=12"},
		":2,S":                         {key: ":2,S"},
	} {
		got := partsOf(base)
		if got.odd = false; got != want {
			t.Errorf("%s is taken apart as %+v", base, got)
		}
	}
}

// A copy that knows one case only keeps whose message it is, and tells nothing of its flags: a
// keyword's letter is a flag's in the other case.
func TestNameOfOneCase(t *testing.T) {
	hash := strings.Repeat("A2", hashSize/2)
	for _, own := range []string{"1.U7TAB2.mailsync,S=10,W=12,H=" + hash, "1.U7-2TAB2.mailsync", "0.P" + strings.Repeat("T7", keySize/2) + "TAB2.mailsync,W=2"} {
		for _, base := range []string{strings.ToLower(own + ":2,FSa"), strings.ToUpper(own + ":2,FSa"), strings.ToLower(own), strings.ToUpper(own)} {
			if got := partsOf(base); got.key != own || got.letters != "" || !got.silent("cur") || !got.silent("new") {
				t.Errorf("%s is taken apart as %+v", base, got)
			}
		}
		// A reader that saw no flags in it added one.
		if got := partsOf(strings.ToLower(own+":2,fa") + "S"); got.key != own || got.letters != "S" || !got.silent("cur") {
			t.Errorf("%s in lower case is taken apart as %+v", own, got)
		}
	}
	for _, base := range []string{"1700000000.u7p2.host:2,s", "1.p.host", "1.U7TX.MAILSYNCS:2,S", "1.u7.mailsync"} {
		if got := partsOf(base); got.mangled {
			t.Errorf("%s is taken for ours: %+v", base, got)
		}
	}
}
