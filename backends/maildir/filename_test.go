package maildir

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	gomaildir "github.com/emersion/go-maildir"
	"pgregory.net/rapid"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

func TestNameSpelling(t *testing.T) {
	hash := strings.Repeat("A2", hashSize/2)
	key := strings.Repeat("T7", keySize/2)
	for _, test := range []struct {
		name Name
		want string
	}{
		{Name{Date: 1700000000, UID: 42, Variant: 1, Token: "k3v", OnDisk: 10, Bytes: 12, Hash: hash},
			"1700000000.U42Tk3v.mailsync,S=10,W=12,H=" + hash},
		{Name{Date: -1, UID: 1<<32 - 1, Variant: 2, Token: "T", OnDisk: -1, Bytes: -1}, "-1.U4294967295-2TT.mailsync"},
		{Name{Date: 0, Key: key, Variant: 1, Token: "x", OnDisk: 0, Bytes: -1}, "0.P" + key + "Tx.mailsync,S=0"},
	} {
		if got := test.name.String(); got != test.want {
			t.Errorf("spelled %q, want %q", got, test.want)
		}
		if got, ok := ParseName(test.want); !ok || got != test.name {
			t.Errorf("%q parsed as %+v, %v", test.want, got, ok)
		}
	}
}

func TestForeignNamesAreNotOurs(t *testing.T) {
	for _, name := range []string{
		"", "1", "1.", "1.U", "1.U1", "1.U1T", "1.U1T.mailsync", "1.U0Tx.mailsync", "1.U01Tx.mailsync", "1.U4294967296Tx.mailsync",
		"1.U1-1Tx.mailsync", "1.U1-256Tx.mailsync", "1.U1-Tx.mailsync", "1.U1Tx.mailsyncs", "1.U1Tx.y.mailsync", "x.U1Tx.mailsync",
		"+1.U1Tx.mailsync", "01.U1Tx.mailsync", "-0.U1Tx.mailsync", "1.PABCTx.mailsync", "1.P" + strings.Repeat("a", 26) + "Tx.mailsync",
		"1700000000.M1P2.host", "1700000000.12_0.host,U=5", "1.U1T" + strings.Repeat("x", 65) + ".mailsync", "1.U1Tx y.mailsync",
	} {
		if n, ok := ParseName(name); ok {
			t.Errorf("%q is taken for ours: %+v", name, n)
		}
	}
}

// Other programs add fields of their own (isync: U=), and hints may be wrong.
func TestHintsMayBeMissingOrWrong(t *testing.T) {
	for name, want := range map[string]Name{
		"1.U7Tx.mailsync,S=5,W=6,U=3": {Date: 1, UID: 7, Variant: 1, Token: "x", OnDisk: 5, Bytes: 6},
		"1.U7Tx.mailsync,U=3":         {Date: 1, UID: 7, Variant: 1, Token: "x", OnDisk: -1, Bytes: -1},
		"1.U7Tx.mailsync,S=-5,W=x,H=": {Date: 1, UID: 7, Variant: 1, Token: "x", OnDisk: -1, Bytes: -1},
		"1.U7Tx.mailsync,,,S":         {Date: 1, UID: 7, Variant: 1, Token: "x", OnDisk: -1, Bytes: -1},
	} {
		if got, ok := ParseName(name); !ok || got != want {
			t.Errorf("%q parsed as %+v, %v", name, got, ok)
		}
	}
}

func TestNamesReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := Name{
			Date:    rapid.Int64Min(state.NoDate+1).Draw(t, "date"),
			UID:     state.UID(rapid.Uint32Min(1).Draw(t, "uid")),
			Variant: rapid.Uint8Min(1).Draw(t, "variant"),
			Token:   rapid.StringMatching(`[0-9A-Za-z]{1,64}`).Draw(t, "token"),
			OnDisk:  rapid.Int64Min(-1).Draw(t, "on disk"),
			Bytes:   rapid.Int64Min(-1).Draw(t, "bytes"),
			Hash:    rapid.StringMatching(`([A-Z2-7]{20})?`).Draw(t, "hash"),
		}
		if rapid.Bool().Draw(t, "pop3") {
			n.UID, n.Key = 0, rapid.StringMatching(`[A-Z2-7]{26}`).Draw(t, "key")
		}
		flags := rapid.StringMatching(`[A-Za-z]{0,8}`).Draw(t, "flags")
		p := partsOf(joinInfo(n.String(), flags))
		if got, ok := ParseName(p.key); !ok || got != n || p.letters != flags || !p.has {
			t.Errorf("%q reads back as %+v, %q", n.String(), got, p.letters)
		}
	})
}

func FuzzParseName(f *testing.F) {
	f.Add("1700000000.U42-2Tk3v.mailsync,S=10,W=12,H=AAAAAAAAAAAAAAAAAAAA:2,FS")
	f.Add("0.PAAAAAAAAAAAAAAAAAAAAAAAAAATx.mailsync,,S=,=:2,:2,")
	f.Add("1.U1Tx.mailsync,W=12_2,S:2,F")
	f.Fuzz(func(t *testing.T, base string) {
		p := partsOf(base)
		rest, ok := strings.CutPrefix(base, p.key)
		sep, _, _ := strings.Cut(rest, infoTwo+p.letters)
		behind := strings.TrimPrefix(rest, sep+infoTwo+p.letters)
		switch {
		case !ok && !p.mangled, !p.has && p.letters != "",
			p.has && !p.mangled && !slices.Contains(state.InfoSeps[:], sep),
			p.has && !p.mangled && behind != "" && (!p.odd || onlyLetters(behind[:1])),
			!p.has && !p.mangled && p.key != base:
			t.Errorf("%q is taken apart as %+v", base, p)
		}
		n, ok := ParseName(p.key)
		if !ok {
			if p.mangled || p.silent(dirCur) || p.silent(dirNew) {
				t.Errorf("%q is not ours, and taken apart as %+v", base, p)
			}
			return
		}
		for _, sep := range []string{"", "_", " ", "-", "%3A", "\uf022"} {
			own := n.String()
			if got := partsOf(own + sep + "2,FS"); got != (parts{key: own, name: n, ours: true, mangled: true}) || !got.silent(dirNew) {
				t.Errorf("%q with %q for a colon is taken apart as %+v", own, sep, got)
			}
		}
		if again, ok := ParseName(n.String()); !ok || again != n {
			t.Errorf("%q: %+v is spelled %q, which is %+v", base, n, n.String(), again)
		}
	})
}

// An independent reader sees the same files, flags and bytes.
func TestGoMaildirReadsOurs(t *testing.T) {
	root := t.TempDir()
	real, err := disk.OpenReal(root)
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close()
	md, err := Open(real, Options{}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	flags := map[state.UID]state.Flags{1: state.Seen, 2: state.System, 3: state.Flagged | state.Deleted}
	letters := map[state.UID]string{1: "S", 2: "DFPRST", 3: "FT"}
	for uid, f := range flags {
		got, err := md.Receive(state.Incoming{UID: uid, Token: "x", Flags: f, Size: -1, Date: 5}, strings.NewReader("a\r\nb\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := md.Publish(got, &state.Keywords{}); err != nil {
			t.Fatal(err)
		}
	}
	messages, err := gomaildir.Dir(root + "/INBOX").Messages()
	if err != nil || len(messages) != len(flags) {
		t.Fatalf("go-maildir sees %d messages, %v", len(messages), err)
	}
	for _, m := range messages {
		n, ok := ParseName(m.Key())
		if !ok {
			t.Fatalf("key %q is not ours", m.Key())
		}
		var b strings.Builder
		for _, f := range m.Flags() {
			b.WriteRune(rune(f))
		}
		if b.String() != letters[n.UID] {
			t.Errorf("message %d has flags %q, want %q", n.UID, b.String(), letters[n.UID])
		}
		r, err := m.Open()
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(r); string(body) != "a\nb\n" {
			t.Errorf("message %d is %q", n.UID, body)
		}
		r.Close()
		if err := m.SetFlags([]gomaildir.Flag{gomaildir.FlagReplied}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := md.Scan(context.Background(), "x", []state.UID{1, 2, 3}, &state.Keywords{})
	if err != nil || !s.Complete {
		t.Fatalf("scan: %+v, %v", s, err)
	}
	for _, f := range s.Messages {
		if f.Flags != state.Answered {
			t.Errorf("message %d has %v after go-maildir set R", f.UID, f.Flags)
		}
	}
}
