package maildir

import (
	"bytes"
	"crypto/sha256"
	"io"
	"path"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

func message(t *rapid.T) []byte {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"\r\n", "\r", "\n", "\r\n.\r\n", "..", ".", "\r\r\n", "x", "\x00"}),
		rapid.String(),
	)
	line := rapid.Just("a line\r\n")
	one := piece
	if rapid.Bool().Draw(t, "tame") {
		one = line
	}
	var b bytes.Buffer
	for _, p := range rapid.SliceOfN(one, 0, 20).Draw(t, "pieces") {
		b.WriteString(p)
	}
	if rapid.Bool().Draw(t, "odd end") {
		b.WriteString(piece.Draw(t, "end"))
	}
	return b.Bytes()
}

// bare reports whether there is a CR or LF outside of a CRLF: spec 1.4.
func bare(b []byte) bool {
	rest := strings.ReplaceAll(string(b), "\r\n", "")
	return strings.ContainsAny(rest, "\r\n")
}

// Whatever the bytes and however they are cut into chunks: shrinking takes exactly the
// messages without a bare CR or LF, and expanding gives them back.
func TestShrinkAndExpand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := message(t)
		var s shrinker
		var lf []byte
		ok := true
		for rest := body; len(rest) > 0 && ok; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
			lf, ok = s.shrink(lf, rest[:n])
			rest = rest[n:]
		}
		if ok = ok && !s.cr; ok == bare(body) {
			t.Fatalf("%q: taken for LF form: %v", body, ok)
		}
		if !ok {
			return
		}
		if bytes.IndexByte(lf, '\r') >= 0 {
			t.Errorf("%q: a CR is left in %q", body, lf)
		}
		back, err := io.ReadAll(iotest.OneByteReader(newExpander(iotest.HalfReader(bytes.NewReader(lf)))))
		if err != nil || !bytes.Equal(back, body) {
			t.Errorf("%q: rebuilt as %q, %v", body, back, err)
		}
	})
}

// Whatever the bytes: a message is rebuilt from its file, the file is in LF form exactly
// where it can be, and the digest is that of what was sent.
func FuzzDeliveredBytes(f *testing.F) {
	for _, s := range []string{"", "a\r\nb\r\n", "a\r\nb", "a\nb\r\n", "\r", "\r\r\n", "\n\r", "a\r\n\r", "\x00\r\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		mem := disktest.NewMem(disktest.MemOptions{})
		md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := md.Receive(state.Incoming{UID: 1, Token: "x", Size: int64(len(body))}, iotest.HalfReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		if lf := !bare(body) && bytes.Contains(body, []byte("\r\n")); got.Digest != sha256.Sum256(body) || got.Bytes != int64(len(body)) || (got.Form == state.FormLF) != lf {
			t.Fatalf("%q: received as %+v", body, got)
		}
		place, err := md.Publish(got, &state.Keywords{})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := md.Inspect(place.Name, nil); err != nil || again.Digest != got.Digest || again.Form != got.Form {
			t.Fatalf("%q: inspected as %+v, %v", body, again, err)
		}
		r, err := md.Body(place.Name, got.Form)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body) {
			t.Fatalf("%q: rebuilt as %q, %v", body, back, err)
		}
	})
}

// Delivered in any chunks, and long enough to need more than one of ours, a message is
// rebuilt exactly; its digest and counts are those of the bytes sent.
func TestDeliveredBytesAreRebuilt(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	uid := state.UID(0)
	rapid.Check(t, func(t *rapid.T) {
		body := message(t)
		if rapid.IntRange(0, 9).Draw(t, "long") == 0 {
			pad := chunkSize - rapid.IntRange(0, 3).Draw(t, "short of a chunk")
			body = append(bytes.Repeat([]byte{'x'}, max(0, pad-len(body)/2)), body...)
			body = append([]byte("Subject: long\r\n\r\n"), body...)
		}
		uid++
		got, err := md.Receive(state.Incoming{UID: uid, Token: "x", Size: int64(len(body))}, iotest.HalfReader(bytes.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		if got.Digest != sha256.Sum256(body) || got.Bytes != int64(len(body)) || (got.Form == state.FormLF) != (!bare(body) && bytes.Contains(body, []byte("\r\n"))) {
			t.Errorf("%.60q: received as %+v", body, got)
		}
		place, err := md.Publish(got, &state.Keywords{})
		name := place.Name
		if err != nil {
			t.Fatal(err)
		}
		info, err := mem.Lstat(md.at(name))
		if err != nil || info.Size != got.OnDisk {
			t.Errorf("%.60q: %d octets on disk, said %d", body, info.Size, got.OnDisk)
		}
		for _, want := range []*state.Proof{nil, {Digest: got.Digest}, {Digest: got.Digest, Bytes: got.Bytes}, {Bytes: got.Bytes}} {
			again, err := md.Inspect(name, want)
			if err != nil || again.Digest != got.Digest || again.Bytes != got.Bytes || again.Form != got.Form || again.UID != uid {
				t.Errorf("%.60q: inspected with %+v as %+v, %v", body, want, again, err)
			}
		}
		r, err := md.Body(name, got.Form)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		if back, err := io.ReadAll(r); err != nil || !bytes.Equal(back, body) {
			t.Errorf("%.60q: rebuilt as %.60q, %v", body, back, err)
		}
	})
}

// A name that lies, or says nothing, does not mislead where the digest is known.
func TestInspectTrustsTheDigestMost(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		file, sent string
		form       state.Form
	}{
		{"a\nb\n", "a\r\nb\r\n", state.FormLF},
		{"a\nb\n", "a\nb\n", state.FormRaw},
		{"a\r\nb\r\n", "a\r\nb\r\n", state.FormRaw},
	} {
		for _, base := range []string{"1.other.host", "1.U1Tx.mailsync", "1.U1Tx.mailsync,S=4,W=4", "1.U1Tx.mailsync,S=4,W=6", "1.U1Tx.mailsync,S=9,W=99,H=" + strings.Repeat("A", 20)} {
			name := "cur/" + joinInfo(base, "S")
			if err := writeFile(mem, md.at(name), []byte(test.file)); err != nil {
				t.Fatal(err)
			}
			want := &state.Proof{Digest: sha256.Sum256([]byte(test.sent)), Bytes: int64(len(test.sent))}
			got, err := md.Inspect(name, want)
			if err != nil || got.Digest != want.Digest || got.Bytes != want.Bytes || got.Form != test.form || got.Flags != state.Seen {
				t.Errorf("%q as %s: %+v, %v", test.file, name, got, err)
			}
			if got, err := md.Inspect(name, &state.Proof{Digest: [32]byte{1}, Bytes: 4}); err != nil || got.Digest == [32]byte{1} {
				t.Errorf("%q as %s proves what it is not: %v", test.file, name, err)
			}
			if err := mem.Remove(md.at(name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A message without a date gets the time it came, once: its name and its file's time say
// the same, however long it waits for its place.
func TestOneTimeForAMessageWithoutDate(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := md.Receive(state.Incoming{UID: 1, Token: "x", Size: 1, Date: state.NoDate}, bytes.NewReader([]byte("x")))
	if err != nil {
		t.Fatal(err)
	}
	if err := mem.Wait(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	place, err := md.Publish(got, &state.Keywords{})
	if err != nil {
		t.Fatal(err)
	}
	info, err := mem.Lstat(md.at(place.Name))
	if n, ok := ParseName(path.Base(place.Name)); err != nil || !ok || n.Date != mtimeDate(info) {
		t.Errorf("%s is of %d (%v)", place.Name, mtimeDate(info), err)
	}
}
