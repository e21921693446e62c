package maildir_test

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
)

func TestBareFindsBothLayouts(t *testing.T) {
	fs := disk.NewMem(disk.MemOptions{})
	mkdir := func(dir string) {
		made := "."
		for part := range strings.SplitSeq(dir, "/") {
			made = path.Join(made, part)
			_ = fs.Mkdir(made) // it may be there
		}
	}
	for _, dir := range []string{".", ".Sent", ".Work.2024", "Lists", "Lists/Go", "Lists/Go/.old", ".mailsync"} {
		for _, sub := range []string{"cur", "new", "tmp"} {
			mkdir(path.Join(dir, sub))
		}
	}
	for _, dir := range []string{"empty/cur", ".git/objects", "plain"} {
		mkdir(dir)
	}
	found, err := maildir.Open(fs, maildir.Options{}).Bare(t.Context(), strings.ToUpper)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range found {
		got = append(got, fmt.Sprintf("%s=%q", b.Path, b.Levels))
	}
	const want = `.=["INBOX"] .Sent=["SENT"] .Work.2024=["WORK" "2024"] Lists=["LISTS"] Lists/Go=["LISTS" "GO"] Lists/Go/.old=["LISTS" "GO" "OLD"]`
	if s := strings.Join(got, " "); s != want {
		t.Errorf("found %s\nwant  %s", s, want)
	}
}
