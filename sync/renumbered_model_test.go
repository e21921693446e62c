package sync_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/sync/port"
)

// renumbering is a random life of one mailbox whose server numbers it anew again and again,
// is restored from backups, and whose run is interrupted, loses its state and its marker.
type renumbering struct {
	*lab
	t        *testing.T
	random   *rand.Rand
	n        int
	validity uint32 // the last that was given; no server gives one twice
	log      []string
	mails    []mail

	added    map[string]int  // how often the server got a body
	removed  map[string]bool // the user removed its file
	expunged map[string]bool // somebody expunged it on the server
	here     map[string]bool // was on disk when a run had ended well
	backup   *mem.Mailbox
}

func (h *renumbering) note(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// mail is a message as it is given to the server.
type mail struct {
	body string
	date int64
}

// text is a message: one with a Message-ID of its own, one without any, or one that was
// there before. Others have its date, but not its size as well: which of two messages with
// the same size, date and UID a backup brought back, nobody can tell.
func (h *renumbering) text() mail {
	h.n++
	m := mail{date: 1700000000 + int64(h.random.IntN(3))}
	id := fmt.Sprintf("Message-ID: <%d@example.org>\r\n", h.n)
	switch h.random.IntN(6) {
	case 0:
		id = ""
	case 1:
		if len(h.mails) > 0 {
			return h.mails[h.random.IntN(len(h.mails))]
		}
	}
	m.body = fmt.Sprintf("%sSubject: %04d\r\n\r\n%s", id, h.n, strings.Repeat("x", h.n))
	h.mails = append(h.mails, m)
	return m
}

func (h *renumbering) add() {
	one := h.text()
	h.note("add %q", one.body)
	h.added[one.body]++
	h.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(one.body, one.date) })
}

// some picks a message on the server.
func (h *renumbering) some(f func(m *mem.Mailbox, msg *mem.Message)) {
	h.server.Change("INBOX", func(m *mem.Mailbox) {
		if len(m.Messages) > 0 {
			f(m, m.Messages[h.random.IntN(len(m.Messages))])
		}
	})
}

// act does one thing that can happen between two runs.
func (h *renumbering) act() {
	switch h.random.IntN(14) {
	case 0, 1, 2, 3:
		h.add()
	case 4:
		h.some(func(m *mem.Mailbox, msg *mem.Message) {
			h.note("expunge %d", msg.UID)
			h.expunged[msg.Body] = true
			m.Expunge(msg.UID)
		})
	case 5:
		h.some(func(m *mem.Mailbox, msg *mem.Message) { h.note("flag %d", msg.UID); m.Flag(msg.UID, `\Flagged`, true) })
	case 6:
		if all := h.list(); len(all) > 0 {
			name := all[h.random.IntN(len(all))]
			body := h.rebuilt(h.t, name)
			h.note("the user removes %q", body)
			h.removed[body] = true
			h.disk.Remove(name)
			h.sync()
		}
	case 7:
		if all := h.list(); len(all) > 0 {
			name := all[h.random.IntN(len(all))]
			base, _, _ := strings.Cut(path.Base(name), ":2,")
			h.note("the user flags %s", name)
			_ = h.disk.Rename(name, "INBOX/cur/"+base+":2,S") // it may have been so before
			h.sync()
		}
	case 8, 9:
		h.server.Change("INBOX", func(m *mem.Mailbox) {
			first := 1 + h.random.Uint32N(20)
			h.note("numbered anew from %d", first)
			if h.random.IntN(3) == 0 {
				h.random.Shuffle(len(m.Messages), func(i, j int) { m.Messages[i], m.Messages[j] = m.Messages[j], m.Messages[i] })
			}
			h.validity++
			m.Renumber(h.validity, first)
		})
	case 10:
		h.note("backup")
		h.server.Change("INBOX", func(m *mem.Mailbox) { h.backup = m.Clone() })
	case 11:
		if h.backup != nil {
			h.note("restore")
			h.server.Restore(h.backup)
			h.run(nil, nil) // one that comes only after its UIDs were given again, nobody can tell
			h.seen()
		}
	case 12:
		h.note("state lost")
		h.base = mem.NewBase()
		if h.random.IntN(2) == 0 {
			h.note("and the marker")
			h.disk.Remove("INBOX/mailsync.marker")
		}
	case 13:
		h.note("the state file was copied")
		h.change = func(a *port.Account) { a.StateMoved = true }
	}
}

// go1 runs, and is interrupted as often as not.
func (h *renumbering) go1() {
	if h.random.IntN(2) == 0 {
		at := 1 + h.random.IntN(25)
		step, _ := cutAt(at)
		h.note("a run that is cut at step %d", at)
		h.run(nil, step)
		return
	}
	h.note("a run")
	if r := h.run(nil, nil); r.Status() != "ok" {
		h.failf("the run is %s: %v %v", r.Status(), r.Fatal, r.Problems)
	}
	h.change = nil
	h.seen()
}

func (h *renumbering) seen() {
	for _, name := range h.list() {
		h.here[h.rebuilt(h.t, name)] = true
	}
}

// list returns the files of INBOX.
func (h *renumbering) list() (all []string) {
	for _, dir := range []string{"INBOX/new", "INBOX/cur"} {
		names, _ := h.disk.Names(dir)
		for _, name := range names {
			all = append(all, path.Join(dir, name))
		}
	}
	return all
}

// sync makes what the user did durable.
func (h *renumbering) sync() {
	for _, dir := range []string{"INBOX/new", "INBOX/cur"} {
		if err := h.disk.SyncDir(dir); err != nil {
			h.failf("%v", err)
		}
	}
}

func (h *renumbering) failf(format string, args ...any) {
	h.t.Helper()
	h.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), strings.Join(h.log, "\n"))
}

// check expects, once nothing happens any more, that what is on the server is here, once,
// (but for what the user removed while a run was interrupted, which may be there by its other
// name), that nothing is gone from either side that nobody took away, and that all is quiet.
func (h *renumbering) check(mirror bool) {
	for range 4 {
		h.clean(h.t)
	}
	h.change = func(a *port.Account) { a.Full = true }
	h.clean(h.t)
	h.change = nil
	h.clean(h.t)
	h.idle(h.t)
	if v := h.verify().Run(h.t.Context()); v.Fatal != nil || len(v.Findings) > 0 {
		h.failf("verify: %v %s", v.Fatal, said(v))
	}
	disk, server := map[string]int{}, map[string]int{}
	for _, f := range h.files(h.t) {
		disk[f.body]++
	}
	h.server.Change("INBOX", func(m *mem.Mailbox) {
		for _, msg := range m.Messages {
			server[msg.Body]++
		}
	})
	for body := range server {
		if disk[body] == 0 && !h.removed[body] {
			h.failf("on the server and not here: %q", body)
		}
	}
	for body, n := range disk {
		if n > h.added[body] && !h.removed[body] {
			h.failf("%d times here: %q", n, body)
		}
	}
	for body := range h.here {
		if disk[body] == 0 && !h.removed[body] && !(mirror && h.expunged[body]) {
			h.failf("gone from here: %q", body)
		}
	}
}

// TestManyNumberings lives many short lives. A failure names its seed.
func TestManyNumberings(t *testing.T) {
	lives := 600
	if testing.Short() {
		lives = 60
	}
	for seed := range lives {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			h := &renumbering{validity: 5000, lab: newLab(), t: t, random: rand.New(rand.NewPCG(uint64(seed), 5)),
				added: map[string]int{}, removed: map[string]bool{}, expunged: map[string]bool{}, here: map[string]bool{}}
			if seed%2 == 1 {
				mirror(&h.policy)
			}
			for range 4 {
				h.add()
			}
			for range 12 {
				for range 1 + h.random.IntN(3) {
					h.act()
				}
				h.go1()
			}
			h.check(seed%2 == 1)
		})
	}
}
