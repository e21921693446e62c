package corpus

import (
	"bytes"
	"crypto/sha256"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMessagesAreTheSameForASeed(t *testing.T) {
	sum := func(seed uint64) [32]byte {
		h := sha256.New()
		for m := range Messages(seed, 50) {
			h.Write(m.Raw)
			h.Write([]byte(m.Date.String() + strings.Join(m.Flags, " ")))
		}
		return [32]byte(h.Sum(nil))
	}
	first, again, other := sum(1), sum(1), sum(2)
	if first != again {
		t.Error("one seed gave two corpora")
	}
	if first == other {
		t.Error("two seeds gave one corpus")
	}
}

func TestMessagesAreOrdinary(t *testing.T) {
	var sizes []int
	ids := make(map[string]bool)
	var last time.Time
	total := 0
	const n = 4000
	for m := range Messages(7, n) {
		sizes = append(sizes, len(m.Raw))
		total += len(m.Raw)
		if !m.Plain() {
			t.Fatal("an ordinary message holds a bare line end or NUL")
		}
		parsed, err := mail.ReadMessage(bytes.NewReader(m.Raw))
		if err != nil {
			t.Fatal(err)
		}
		ids[parsed.Header.Get("Message-ID")] = true
		if m.Date.Nanosecond() != 0 || m.Date.Before(last.Add(-2*time.Hour)) {
			t.Fatalf("date %v after %v", m.Date, last)
		}
		last = m.Date
	}
	slices.Sort(sizes)
	if len(sizes) != n || len(ids) != n {
		t.Errorf("%d messages with %d Message-IDs, want %d", len(sizes), len(ids), n)
	}
	if median := sizes[n/2]; median < medianSize*8/10 || median > medianSize*12/10 {
		t.Errorf("median %d, want about %d", median, medianSize)
	}
	if mean := total / n; mean < meanSize*7/10 || mean > meanSize*13/10 {
		t.Errorf("mean %d, want about %d", mean, meanSize)
	}
}

func TestOddNamesAreUnique(t *testing.T) {
	seen := make(map[string]bool)
	plain := 0
	for _, m := range Odd() {
		if m.Name == "" || seen[m.Name] {
			t.Errorf("name %q is empty or used twice", m.Name)
		}
		seen[m.Name] = true
		if m.Plain() {
			plain++
		}
	}
	if plain == 0 || plain == len(seen) {
		t.Errorf("%d of %d are plain", plain, len(seen))
	}
}

func TestWireName(t *testing.T) {
	for name, want := range map[string]string{
		"INBOX":       "INBOX",
		"AT&T":        "AT&-T",
		"Entwürfe":    "Entw&APw-rfe",
		"日本語":         "&ZeVnLIqe-",
		"~peter/mail": "~peter/mail",
		"台北":          "&U,BTFw-",
		"\U0001f4e7":  "&2D3c5w-",
	} {
		if got := WireName(name); got != want {
			t.Errorf("WireName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestLay(t *testing.T) {
	dir := t.TempDir()
	m := Message{Raw: []byte("x\r\n"), Date: newest, Flags: []string{`\Seen`, `\Answered`, "Work"}}
	if n, err := Lay(dir, slices.Values([]Message{m, m})); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "cur", "*:2,RS"))
	if err != nil || len(files) != 2 {
		t.Fatal(files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil || !info.ModTime().Equal(newest) || info.Size() != 3 {
		t.Error(info, err)
	}
}
