//go:build unix

package main_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/servers"
)

// mirror is an account in which both sides change all that can change.
type mirror struct {
	w      *world
	client *servers.Session
	post
	want map[[32]byte]kept // by the bytes
	gone [][32]byte        // what the server lost in this round
}

// kept is where a message has to be, and how.
type kept struct {
	mailbox string
	flags   []string
}

func (k *kept) set(flag string, on bool) {
	k.flags = slices.DeleteFunc(k.flags, func(f string) bool { return f == flag })
	if on {
		k.flags = append(k.flags, flag)
		slices.Sort(k.flags)
	}
}

func beginMirror(t *testing.T, bin string, random *rand.Rand) life {
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	m := &mirror{w: newWorld(t, bin, srv), client: srv.LogIn("ada"), post: post{random: random}, want: map[[32]byte]kept{}}
	m.w.configure(slices.Concat(inPlainText(srv.IMAP), mirrorKeys(), settings{"append = true"}))
	do(t, m.client, "CREATE Work")
	for i := range 16 {
		m.arrive(t, living[i%2])
	}
	m.w.syncOK()
	m.w.syncOK()
	m.look(t)
	return m
}

func (m *mirror) world() *world { return m.w }
func (m *mirror) run() []string { return []string{"sync"} }

// arrive puts a letter on the server.
func (m *mirror) arrive(t *testing.T, mailbox string) {
	t.Helper()
	body := m.letter()
	k := kept{mailbox, nil}
	k.set(`\Seen`, m.n%2 == 0)
	if err := m.client.Append(mailbox, k.flags, time.Unix(1_500_000_000+int64(m.n), 0), body); err != nil {
		t.Fatal(err)
	}
	m.want[sha256.Sum256(body)] = k
}

// place puts a letter into a Maildir, as a mail program does.
func (m *mirror) place(t *testing.T, mailbox, sub, end string) {
	t.Helper()
	body := m.letter()
	k := kept{mailbox, nil}
	k.set(`\Seen`, strings.Contains(end, "S"))
	p := filepath.Join(m.w.root, mailbox, sub, fmt.Sprintf("1600000000.M%dP1.host%s", m.n, end))
	date := time.Unix(1_600_000_000+int64(m.n), 0)
	if err := os.WriteFile(p, bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(p, date, date); err != nil {
		t.Fatal(err)
	}
	m.want[sha256.Sum256(body)] = k
}

// happen adds on both sides, deletes on both, moves on both, and changes flags on both, once on the same
// message. Each of these is left out now and then.
func (m *mirror) happen(t *testing.T) {
	t.Helper()
	m.gone = nil
	uids, paths := map[[32]byte]uint32{}, map[[32]byte]string{}
	for _, mailbox := range living {
		for _, f := range readFiles(t, m.w.root, mailbox) {
			uids[sha256.Sum256(f.body)], paths[sha256.Sum256(f.body)] = f.uid, f.path
		}
	}
	// The order of a map is not that of the seed.
	left := slices.SortedFunc(maps.Keys(m.want), func(a, b [32]byte) int { return bytes.Compare(a[:], b[:]) })
	m.random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
	each := func(what func(sum [32]byte, k *kept)) {
		sum := left[0]
		left = left[1:]
		if m.random.IntN(6) == 0 {
			return
		}
		k := m.want[sum]
		what(sum, &k)
		if _, ok := m.want[sum]; ok {
			m.want[sum] = k
		}
	}
	server := func(mailbox, command string) {
		do(t, m.client, "SELECT "+mailbox)
		do(t, m.client, command)
		do(t, m.client, "UNSELECT")
	}
	flag := func(sum [32]byte, k *kept, name string) {
		on := !slices.Contains(k.flags, name)
		server(k.mailbox, fmt.Sprintf("UID STORE %d %cFLAGS (%s)", uids[sum], map[bool]byte{true: '+', false: '-'}[on], name))
		k.set(name, on)
	}
	rename := func(sum [32]byte, k *kept, mailbox string) {
		base, _, _ := strings.Cut(filepath.Base(paths[sum]), ":2,")
		letters := ""
		for _, l := range "DFPRST" {
			if slices.Contains(k.flags, letterNames[l]) {
				letters += string(l)
			}
		}
		for l, name := range readKeywords(t, filepath.Join(m.w.root, k.mailbox)) {
			if slices.Contains(k.flags, name) {
				letters += string(l)
			}
		}
		if err := os.Rename(filepath.Join(m.w.root, paths[sum]), filepath.Join(m.w.root, mailbox, "cur", base+":2,"+letters)); err != nil {
			t.Fatal(err)
		}
	}
	other := map[string]string{"INBOX": "Work", "Work": "INBOX"}
	for range 2 {
		each(func(sum [32]byte, k *kept) { // deleted there
			server(k.mailbox, fmt.Sprintf(`UID STORE %d +FLAGS (\Deleted)`, uids[sum]))
			server(k.mailbox, fmt.Sprintf("UID EXPUNGE %d", uids[sum]))
			delete(m.want, sum)
			m.gone = append(m.gone, sum)
		})
	}
	each(func(sum [32]byte, _ *kept) { // deleted here
		remove(t, filepath.Join(m.w.root, paths[sum]))
		delete(m.want, sum)
	})
	each(func(sum [32]byte, k *kept) { // moved there
		server(k.mailbox, fmt.Sprintf("UID MOVE %d %s", uids[sum], other[k.mailbox]))
		k.mailbox = other[k.mailbox]
	})
	each(func(sum [32]byte, k *kept) { flag(sum, k, `\Flagged`) })
	each(func(sum [32]byte, k *kept) { flag(sum, k, "Later") })
	each(func(sum [32]byte, k *kept) { // flagged here
		k.set(`\Answered`, !slices.Contains(k.flags, `\Answered`))
		rename(sum, k, k.mailbox)
	})
	each(func(sum [32]byte, k *kept) { // flagged there and here
		before := *k
		before.flags = slices.Clone(k.flags)
		flag(sum, k, `\Flagged`)
		on := !slices.Contains(k.flags, `\Seen`)
		before.set(`\Seen`, on)
		rename(sum, &before, k.mailbox)
		k.set(`\Seen`, on)
	})
	each(func(sum [32]byte, k *kept) { // moved here
		if letters := slices.DeleteFunc(slices.Clone(k.flags), func(f string) bool { return f == "Later" }); len(letters) < len(k.flags) {
			return // a keyword's letter is the Maildir's, and a mail program that moves the file does not know it
		}
		rename(sum, k, other[k.mailbox])
		k.mailbox = other[k.mailbox]
	})
	m.arrive(t, living[m.random.IntN(2)])
	m.place(t, living[m.random.IntN(2)], "new", "")
	m.place(t, living[m.random.IntN(2)], "cur", ":2,S")
}

func (m *mirror) look(t *testing.T) {
	t.Helper()
	got := map[[32]byte]int{}
	for _, mailbox := range living {
		compare(t, m.client, mailbox, m.w.root, mailbox)
		for _, f := range readFiles(t, m.w.root, mailbox) {
			sum := sha256.Sum256(f.body)
			got[sum]++
			if k, ok := m.want[sum]; !ok {
				t.Errorf("%s was deleted, and is there", f.path)
			} else if k.mailbox != mailbox || !slices.Equal(k.flags, f.flags) {
				t.Errorf("%s has flags %v, want %v in %s", f.path, f.flags, k.flags, k.mailbox)
			}
		}
	}
	for sum, k := range m.want {
		if got[sum] != 1 {
			t.Errorf("%x of %s, flags %v, is there %d times", sum[:6], k.mailbox, k.flags, got[sum])
		}
	}
	trash := filepath.Join(m.w.root, ".mailsync", "trash")
	thrown := map[[32]byte]bool{}
	if len(m.gone) > 0 {
		for _, name := range names(t, trash) {
			raw, err := os.ReadFile(filepath.Join(trash, name))
			if err != nil {
				t.Fatal(err)
			}
			thrown[sha256.Sum256(bytes.ReplaceAll(raw, []byte("\n"), []byte("\r\n")))] = true
		}
	}
	for _, sum := range m.gone {
		if !thrown[sum] {
			t.Errorf("%x was deleted on the server, and is not in the trash", sum[:6])
		}
	}
}
