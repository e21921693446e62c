package pull

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/servers"
)

// digest is that of a message with LF for CRLF.
type digest [sha256.Size]byte

func sum(raw []byte) digest { return sha256.Sum256(toLF(raw)) }

func toLF(raw []byte) []byte { return bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")) }

// message is what one has to be on both sides, and where it was seen last.
type message struct {
	date  int64
	flags string // of F, R and S, in this order
	uid   uint32 // on the server
	file  string // on disk
}

// mailbox has messages by what they hold: no two of the corpus are equal.
type mailbox map[digest]*message

func (b mailbox) add(m corpus.Message) {
	b[sum(m.Raw)] = &message{date: m.Date.Unix(), flags: spell(m.Flags)}
}

// letters are the flags that are looked at, and how IMAP and a Maildir spell them.
var letters = []struct{ imap, maildir string }{{`\Flagged`, "F"}, {`\Answered`, "R"}, {`\Seen`, "S"}}

func spell(flags []string) (s string) {
	for _, l := range letters {
		if slices.ContainsFunc(flags, func(f string) bool { return strings.EqualFold(f, l.imap) }) {
			s += l.maildir
		}
	}
	return s
}

// compare holds what was found in a mailbox against what has to be there.
func (b mailbox) compare(got map[digest][]message) error {
	var lost, doubled, other, undated, flagged int
	for d, want := range b {
		all := got[d]
		switch {
		case len(all) == 0:
			lost++
		case len(all) > 1:
			doubled++
		case all[0].date != want.date:
			undated++
		case all[0].flags != want.flags:
			flagged++
		}
	}
	for d := range got {
		if b[d] == nil {
			other++
		}
	}
	if lost+doubled+other+undated+flagged == 0 {
		return nil
	}
	return fmt.Errorf("%d messages are missing, %d doubled, %d others are there, %d have another date, %d other flags",
		lost, doubled, other, undated, flagged)
}

// checkDisk reads every Maildir of an account below a folder, and notes where each message is.
func (a *account) checkDisk(root string) error {
	var errs []error
	for name, box := range a.boxes {
		if err := box.checkDisk(filepath.Join(root, filepath.FromSlash(name))); err != nil {
			errs = append(errs, fmt.Errorf("on disk: %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (b mailbox) checkDisk(maildir string) error {
	got := map[digest][]message{}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(maildir, sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			d, m, err := read(filepath.Join(maildir, sub), e)
			if err != nil {
				return err
			}
			got[d] = append(got[d], m)
			if want := b[d]; want != nil {
				want.file = m.file
			}
		}
	}
	return b.compare(got)
}

// read reads one file.
func read(dir string, e fs.DirEntry) (d digest, m message, err error) {
	info, err := e.Info()
	if err != nil {
		return d, m, err
	}
	m.file, m.date = filepath.Join(dir, e.Name()), info.ModTime().Unix()
	raw, err := os.ReadFile(m.file)
	if err != nil {
		return d, m, err
	}
	if !strings.Contains(e.Name(), ".mailsync,") {
		raw = withoutTUID(raw)
	}
	_, info2, _ := strings.Cut(e.Name(), ":2,")
	for _, l := range letters {
		if strings.Contains(info2, l.maildir) {
			m.flags += l.maildir
		}
	}
	return sum(raw), m, nil
}

// withoutTUID takes out the header that mbsync puts into what it copies.
func withoutTUID(raw []byte) []byte {
	const field = "X-TUID: "
	head, _, _ := bytes.Cut(raw, []byte("\n\n"))
	at := bytes.Index(head, []byte(field))
	if at < 0 || at > 0 && raw[at-1] != '\n' {
		return raw
	}
	end := bytes.IndexByte(raw[at:], '\n')
	if end < 0 {
		return raw
	}
	return append(raw[:at:at], raw[at+end+1:]...)
}

// checkServer reads every mailbox of an account on the server, past the delay, and notes the
// UID of each message.
func (w *world) checkServer(a *account) error {
	client, err := w.client(a)
	if err != nil {
		return err
	}
	defer client.Close()
	var errs []error
	for name, box := range a.boxes {
		mails, err := client.Read(name, true)
		if err == nil {
			err = box.checkServer(mails)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("on the server: %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (b mailbox) checkServer(mails []servers.Mail) error {
	got := map[digest][]message{}
	for _, m := range mails {
		d := sum(m.Body)
		got[d] = append(got[d], message{date: m.Date.Unix(), flags: spell(m.Flags)})
		if want := b[d]; want != nil {
			want.uid = m.UID
		}
	}
	return b.compare(got)
}
