package pop3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// plainly reads a multi-line answer the slow way: whole lines, ended by CRLF alone.
func plainly(sent string) (body string, ended bool) {
	var b strings.Builder
	for sent != "" {
		line, rest, whole := strings.Cut(sent, "\r\n")
		if !whole {
			return b.String(), false
		}
		if line == "." {
			return b.String(), true
		}
		b.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
		sent = rest
	}
	return b.String(), false
}

func checkDot(t interface {
	Helper()
	Fatalf(string, ...any)
}, sent string, pieces func(io.Reader) io.Reader) {
	t.Helper()
	got, err := io.ReadAll(&dotReader{r: bufio.NewReaderSize(pieces(strings.NewReader(sent)), 16)})
	want, ended := plainly(sent)
	switch {
	case ended && (err != nil || string(got) != want):
		t.Fatalf("%q became %q, %v; want %q", sent, got, err, want)
	case !ended && !errors.Is(err, io.ErrUnexpectedEOF):
		t.Fatalf("%q has no end and gave %q, %v", sent, got, err)
	}
}

func TestDotReaderAgreesWithThePlainOne(t *testing.T) {
	part := rapid.SampledFrom([]string{"\r\n", "\n", "\r", ".", "..", "\r\n.", "\r\n..\r\n", "a", "text", "\r\n.\r\n", ".\n", "\x00"})
	rapid.Check(t, func(t *rapid.T) {
		sent := strings.Join(rapid.SliceOfN(part, 0, 30).Draw(t, "parts"), "")
		pieces := rapid.SampledFrom([]func(io.Reader) io.Reader{
			iotest.OneByteReader, iotest.HalfReader, iotest.DataErrReader, func(r io.Reader) io.Reader { return r },
		}).Draw(t, "pieces")
		checkDot(t, sent, pieces)
	})
}

func FuzzDotReader(f *testing.F) {
	for _, s := range []string{"", ".\r\n", "a\r\n.\r\n", "..\r\n.\r\n", "a\n.\nb\r\n.\r\n", "\r\r\n.\r\n", "a\r\n.", "a\r\n.\r"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		defer hung(sent)()
		checkDot(t, sent, iotest.OneByteReader)
	})
}

// What comes after the dot is the next answer's.
func TestDotReaderLeavesTheRest(t *testing.T) {
	r := bufio.NewReader(strings.NewReader("one\r\n.\r\n+OK next\r\n"))
	if got, err := io.ReadAll(&dotReader{r: r}); err != nil || string(got) != "one\r\n" {
		t.Fatalf("%q, %v", got, err)
	}
	if rest, _ := io.ReadAll(r); string(rest) != "+OK next\r\n" {
		t.Errorf("left %q", rest)
	}
}

func BenchmarkDotReader(b *testing.B) {
	sent := bytes.Repeat([]byte(strings.Repeat("x", 76)+"\r\n"), 1<<16)
	sent = append(sent, ".\r\n"...)
	b.SetBytes(int64(len(sent)))
	for b.Loop() {
		d := &dotReader{r: bufio.NewReaderSize(bytes.NewReader(sent), 64<<10)}
		if err := d.skip(); err != nil {
			b.Fatal(err)
		}
	}
}
