package maildir_test

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"syscall"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

func TestBareFindsBothLayouts(t *testing.T) {
	fs := disktest.NewMem(disktest.MemOptions{})
	mkdir := func(dir string) {
		made := "."
		for part := range strings.SplitSeq(dir, "/") {
			made = path.Join(made, part)
			_ = fs.Mkdir(made) // it may be there
		}
	}
	for _, dir := range []string{".", ".Sent", ".Work.2024", "Lists", "Lists/Go", "Lists/Go/.old", "..two", ".mailsync"} {
		for _, sub := range []string{"cur", "new", "tmp"} {
			mkdir(path.Join(dir, sub))
		}
	}
	for _, dir := range []string{"empty/cur", ".git/objects", "plain"} {
		mkdir(dir)
	}
	found, _, err := maildir.Open(fs, maildir.Options{}).Bare(t.Context(), strings.ToUpper)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range found {
		got = append(got, fmt.Sprintf("%s=%q", b.Path, b.Levels))
	}
	const want = `.=["INBOX"] ..two=["..TWO"] .Sent=["SENT"] .Work.2024=["WORK" "2024"] Lists=["LISTS"] Lists/Go=["LISTS" "GO"] Lists/Go/.old=["LISTS" "GO" "OLD"]`
	if s := strings.Join(got, " "); s != want {
		t.Errorf("found %s\nwant  %s", s, want)
	}
}

// A folder that cannot be read, and half a Maildir, are no end of the walk.
func TestBareReadsWhatItCan(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	for _, dir := range []string{"A", "A/cur", "A/new", "A/tmp", "Locked", "Locked/cur", "Locked/new", "Z", "Z/cur", "Z/new", "Half", "Half/cur", "Cur", "Cur/cur", "Cur/cur/cur", "Cur/cur/new"} {
		if err := mem.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := mem.Create("Half/cur/1.host"); err != nil {
		t.Fatal(err)
	}
	fs := disktest.FailWhen(mem, func(_ int, call string) error {
		if call == "names Locked" {
			return syscall.EACCES
		}
		return nil
	})
	tree := maildir.Open(fs, maildir.Options{})
	found, passed, err := tree.Bare(t.Context(), func(s string) string { return s })
	if err != nil || len(passed) != 1 || passed[0].Name != "Locked" || !errors.Is(passed[0].Err, syscall.EACCES) {
		t.Fatalf("passed over %+v, %v", passed, err)
	}
	var got []string
	for _, b := range found {
		got = append(got, b.Path)
		md, err := tree.OpenBare(b.Path)
		if err != nil {
			t.Errorf("%s: %v", b.Path, err)
			continue
		}
		if _, err := md.Scan(t.Context(), "", nil, state.NewKeywords(nil)); err != nil {
			t.Errorf("%s: %v", b.Path, err)
		}
	}
	if s := strings.Join(got, " "); s != "A Cur/cur Half Z" {
		t.Errorf("found %s", s)
	}
}

func TestBareKnowsCompressedFiles(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	for _, dir := range []string{"cur", "new"} {
		if err := mem.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	md, err := maildir.Open(mem, maildir.Options{}).OpenBare(".")
	if err != nil {
		t.Fatal(err)
	}
	for begin, want := range map[string]string{
		"\x1f\x8b\x08\x00": "gzip", "BZh91AY&SY...": "bzip2", "\xfd7zXZ\x00": "xz", "\x28\xb5\x2f\xfd": "zstd", "\x04\x22\x4d\x18": "lz4",
		"Dovecot-LZ4\x0d\x2a\x9b\xc5": "lz4", "CRYPTED\x03\x07\x02": "mail_crypt",
		"BZhang: his header\n\n": "", "Subject: x\n\n\x1f\x8b\x08": "", "": "",
	} {
		file, err := mem.Create("cur/x")
		if err != nil {
			t.Fatal(err)
		}
		file.Write([]byte(begin))
		file.Close()
		if id, err := md.Ident("cur/x"); err != nil || id.Packed != want {
			t.Errorf("%q is %q, %v; want %q", begin, id.Packed, err, want)
		}
		mem.Remove("cur/x")
	}
}
