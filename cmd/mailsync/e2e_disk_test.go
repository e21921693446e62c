//go:build unix

package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// file is one message on disk, read without any code of the program.
type file struct {
	path  string // from the root
	uid   uint32
	flags []string // as IMAP spells them, sorted
	body  []byte   // the server's bytes, rebuilt
	date  time.Time
}

// Section 4's name: seconds, UID (or what stands for a UIDL), token, sizes and digest,
// flags where it is in cur.
var fileName = regexp.MustCompile(`^(\d+)\.(?:U(\d+)(?:-\d+)?|P[A-Za-z2-7]{26}(?:-\d+)?)T([^.]+)\.mailsync,S=(\d+),W=(\d+)(?:,H=([A-Za-z2-7]{20}))?(?::2,([A-Za-z]*))?$`)

var letterNames = map[rune]string{'S': `\Seen`, 'R': `\Answered`, 'F': `\Flagged`, 'D': `\Draft`, 'P': "$Forwarded", 'T': `\Deleted`}

// isState reports whether a folder is a state directory, in either layout.
func isState(name string) bool { return name == ".mailsync" || name == "mailsync.state" }

// maildirs are the folders below a root, relative to it, that hold a cur.
func maildirs(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && isState(d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() && d.Name() == "cur" {
			if rel, err := filepath.Rel(root, filepath.Dir(p)); err == nil {
				all = append(all, rel)
			}
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// readMaildir reads a Maildir's messages by UID.
func readMaildir(t *testing.T, root, rel string) map[uint32]file {
	t.Helper()
	all := make(map[uint32]file)
	for _, f := range readFiles(t, root, rel) {
		if _, twice := all[f.uid]; twice {
			t.Errorf("%s: UID %d is there twice", f.path, f.uid)
		}
		all[f.uid] = f
	}
	return all
}

// readFiles reads all messages of a Maildir. Its tmp has to be empty.
func readFiles(t *testing.T, root, rel string) []file {
	t.Helper()
	dir := filepath.Join(root, rel)
	keywords := readKeywords(t, dir)
	var all []file
	for _, sub := range []string{"new", "cur", "tmp"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			p := filepath.Join(rel, sub, e.Name())
			m := fileName.FindStringSubmatch(e.Name())
			if m == nil || sub == "tmp" || sub == "new" && strings.Contains(e.Name(), ":2,") {
				t.Errorf("%s should not be there", p)
				continue
			}
			f := readFile(t, root, p, m)
			for _, letter := range m[7] {
				if name, ok := letterNames[letter]; ok {
					f.flags = append(f.flags, name)
				} else {
					f.flags = append(f.flags, keywords[letter])
				}
			}
			slices.Sort(f.flags)
			all = append(all, f)
		}
	}
	return all
}

// readFile reads a message and checks what its name says of it.
func readFile(t *testing.T, root, p string, m []string) file {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, p))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(root, p))
	if err != nil {
		t.Fatal(err)
	}
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	sent := number(m[5])
	body := raw
	if int64(len(raw)) != sent {
		body = bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n"))
	}
	sum := sha256.Sum256(body)
	if int64(len(raw)) != number(m[4]) || int64(len(body)) != sent ||
		m[6] != "" && !strings.EqualFold(m[6], base32.StdEncoding.EncodeToString(sum[:])[:20]) {
		t.Errorf("%s holds %d octets for %d sent, digest %x: the name lies", p, len(raw), len(body), sum)
	}
	if info.ModTime().Unix() != number(m[1]) {
		t.Errorf("%s has mtime %d", p, info.ModTime().Unix())
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", p, info.Mode())
	}
	f := file{path: p, body: body, date: info.ModTime()}
	if m[2] != "" {
		f.uid = uint32(number(m[2]))
	}
	return f
}

// readKeywords reads dovecot-keywords: a line a keyword, "0 Name" for the letter a.
func readKeywords(t *testing.T, dir string) map[rune]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "dovecot-keywords"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	all := make(map[rune]string)
	for line := range strings.Lines(string(text)) {
		number, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatalf("%s: dovecot-keywords has the line %q", dir, line)
		}
		all['a'+rune(n)] = name
	}
	return all
}

// compare holds a Maildir against the mailbox it is of: every UID, every byte, dates (of a
// message whose date is none, the time it came) and flags. It returns how many messages there are.
func compare(t *testing.T, client *servers.Session, mailbox, root, rel string) int {
	t.Helper()
	mails, err := client.Read(corpus.WireName(mailbox), true)
	if err != nil {
		t.Fatal(err)
	}
	files := readMaildir(t, root, rel)
	for _, m := range mails {
		f, ok := files[m.UID]
		if !ok {
			t.Errorf("%s: UID %d is not on disk", mailbox, m.UID)
			continue
		}
		delete(files, m.UID)
		if !bytes.Equal(f.body, m.Body) {
			t.Errorf("%s: UID %d: %d octets on disk, %d on the server, or others", mailbox, m.UID, len(f.body), len(m.Body))
		}
		if some := state.DateOf(m.Date.Unix()) != state.NoDate; some && !f.date.Equal(m.Date) || !some && f.date.Year() < 2020 {
			t.Errorf("%s: UID %d: date %v on disk, %v on the server", mailbox, m.UID, f.date.UTC(), m.Date.UTC())
		}
		if flags := serverFlags(m); !slices.Equal(flags, f.flags) {
			t.Errorf("%s: UID %d: flags %v on disk, %v on the server", mailbox, m.UID, f.flags, flags)
		}
	}
	for uid := range files {
		t.Errorf("%s: UID %d is on disk only", mailbox, uid)
	}
	return len(mails)
}

// serverFlags are a message's flags, sorted, without \Recent, which is the session's.
func serverFlags(m servers.Mail) []string {
	flags := slices.DeleteFunc(slices.Clone(m.Flags), func(f string) bool { return strings.EqualFold(f, `\Recent`) })
	slices.Sort(flags)
	return flags
}

// digests counts the messages of a tree by their bytes, in all its Maildirs.
func digests(t *testing.T, root string) map[[32]byte]int {
	t.Helper()
	all := make(map[[32]byte]int)
	for _, rel := range maildirs(t, root) {
		for _, f := range readFiles(t, root, rel) {
			all[sha256.Sum256(f.body)]++
		}
	}
	return all
}

// serverDigests is digests of the server's mailboxes.
func serverDigests(t *testing.T, client *servers.Session, mailboxes []string) map[[32]byte]int {
	t.Helper()
	all := make(map[[32]byte]int)
	for _, name := range mailboxes {
		mails, err := client.Read(corpus.WireName(name), true)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range mails {
			all[sha256.Sum256(m.Body)]++
		}
	}
	return all
}

// entry is all that a run could change about a file or a folder without being seen.
type entry struct {
	inode uint64
	mtime time.Time
	size  int64
	mode  fs.FileMode
}

// entries lists a tree. The program's own state directory is left out: "last run" is
// written there.
func entries(t *testing.T, root string) map[string]entry {
	t.Helper()
	all := make(map[string]entry)
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if isState(d.Name()) {
			return fs.SkipDir
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		all[rel] = entry{info.Sys().(*syscall.Stat_t).Ino, info.ModTime(), info.Size(), info.Mode()}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// sameEntries fails the test for everything that differs.
func sameEntries(t *testing.T, before, after map[string]entry) {
	t.Helper()
	for p, b := range before {
		if a, ok := after[p]; !ok {
			t.Errorf("%s is gone", p)
		} else if a != b {
			t.Errorf("%s was %+v, is %+v", p, b, a)
		}
	}
	for p := range after {
		if _, ok := before[p]; !ok {
			t.Errorf("%s is new", p)
		}
	}
}
