package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"mailsync/bench/corpus"
)

// message is what a file has to be: its bytes with LF for CRLF, and its date.
type message struct {
	digest [sha256.Size]byte
	date   int64
}

// mailbox is a multiset of messages.
type mailbox map[message]int

func (b mailbox) add(m corpus.Message) {
	b[message{sha256.Sum256(bytes.ReplaceAll(m.Raw, []byte("\r\n"), []byte("\n"))), m.Date.Unix()}]++
}

// checkAll reads every Maildir below a folder and holds it against the corpus: nothing
// missing, nothing doubled, nothing else.
func (w *world) checkAll(root string) error {
	var errs []error
	for name, want := range w.mail {
		if err := check(filepath.Join(root, filepath.FromSlash(name)), want); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func check(maildir string, want mailbox) error {
	got := mailbox{}
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(maildir, sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			m, err := read(filepath.Join(maildir, sub), e)
			if err != nil {
				return err
			}
			got[m]++
		}
	}
	wrong := 0
	for m, n := range want {
		if got[m] != n {
			wrong++
		}
	}
	for m := range got {
		if want[m] == 0 {
			wrong++
		}
	}
	if wrong > 0 {
		return fmt.Errorf("%d messages are missing, doubled or other ones", wrong)
	}
	return nil
}

func read(dir string, e fs.DirEntry) (message, error) {
	info, err := e.Info()
	if err != nil {
		return message{}, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, e.Name()))
	if err != nil {
		return message{}, err
	}
	if !strings.Contains(e.Name(), ".mailsync,") {
		raw = withoutTUID(raw)
	}
	return message{sha256.Sum256(raw), info.ModTime().Unix()}, nil
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
