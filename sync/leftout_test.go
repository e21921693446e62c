package sync_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"mailsync/state"
	"mailsync/sync/port"
	"mailsync/sync/restore"
)

// locked is a Maildir of which some files cannot be read, or nothing can.
type locked struct {
	port.Maildir
	files string // those with this in their names
	all   bool
}

var errLocked = state.Faultf(state.Storage, "open: %w", syscall.EACCES)

func (l locked) Ident(name string) (state.FileIdent, error) {
	if l.files != "" && strings.Contains(name, l.files) {
		return state.FileIdent{}, errLocked
	}
	return l.Maildir.Ident(name)
}

func (l locked) Scan(ctx context.Context, token string, expect []state.UID, kw *state.Keywords) (*state.DiskSnapshot, error) {
	if l.all {
		return nil, errLocked
	}
	return l.Maildir.Scan(ctx, token, expect, kw)
}

// One file, or one Maildir, that cannot be read keeps nothing else from the server.
func TestRestoreGoesOnBehindWhatCannotBeRead(t *testing.T) {
	l, _ := shipped(t)
	p := newPort(l)
	p.change = func(r *restore.Restore) {
		var from []port.Source
		for i := range r.From {
			switch s := &r.From[i]; s.Name {
			case "INBOX":
				s.Maildir = locked{Maildir: s.Maildir, files: ".U2T"}
				// Another Maildir of the same name, as a tree in both layouts has.
				broken := *s
				broken.Maildir = locked{all: true}
				from = append(from, broken)
			case "Archive":
				s.Maildir = locked{all: true}
			}
		}
		r.From = append(from, r.From...)
	}
	r := p.restore(t, nil)
	if r.Fatal != nil || len(r.Problems) != 3 || r.Appended != 8 || r.Outstanding != 1 {
		t.Fatalf("%d appended, %d outstanding, %v %v", r.Appended, r.Outstanding, r.Fatal, r.Problems)
	}
	for _, b := range r.Boxes {
		if b.To == "Archive" && b.Created {
			t.Error("a mailbox was made for a Maildir of which nothing can be read")
		}
	}
}

// What in the account's own Maildirs is no message is named by restore, too.
func TestRestoreNamesWhatIsNoMessage(t *testing.T) {
	l := lost(t, false)
	for _, dir := range []string{"INBOX/cur/3e", "INBOX/cur/.3f", "INBOX/cur/empty"} {
		if err := l.disk.Mkdir(dir); err != nil {
			t.Fatal(err)
		}
	}
	l.write(t, "INBOX/cur/3e/x", []byte("Subject: nested\n\nnested\n"))
	l.write(t, "INBOX/cur/.3f/x", []byte("Subject: hidden\n\nhidden\n"))
	l.write(t, "Archive/cur/packed.host:2,S", []byte("\x1f\x8b\x08\x00not read any further"))
	r := l.home(nil, nil)
	if r.Fatal != nil || r.Appended != 5 || r.Outstanding != 3 {
		t.Errorf("%d appended, %d outstanding: %v", r.Appended, r.Outstanding, r.Fatal)
	}
	text := fmt.Sprint(r.Problems)
	for _, want := range []string{"INBOX/cur/3e is not sent: a folder with a file in it", "INBOX/cur/.3f is not sent", "Archive/cur/packed.host:2,S is not sent: the file is compressed (gzip)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not among %s", want, text)
		}
	}
	if len(r.Problems) != 3 {
		t.Errorf("%d problems: %s", len(r.Problems), text)
	}
}
