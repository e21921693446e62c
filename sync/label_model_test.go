package sync_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
)

// TestLabelHistories plays lives of accounts whose messages come in several mailboxes at once,
// get into more of them and leave some, while all else happens that does in TestHistories.
// In the end every mailbox holds the same on both sides.
func TestLabelHistories(t *testing.T) {
	first, last := uint64(1), uint64(1000)
	if testing.Short() || underRace {
		last = 100
	}
	only := os.Getenv(modelSeed)
	if only != "" {
		n, err := strconv.ParseUint(only, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, last = n, n
	}
	shared := 0
	for seed := first; seed <= last && !t.Failed(); seed++ {
		h := newHistory(seed)
		h.labels, h.server.ByContent = true, true
		h.live(t)
		shared += h.shared(t)
		if t.Failed() || only != "" {
			t.Logf("%s=%d\n%s", modelSeed, seed, strings.Join(h.log, "\n"))
		}
	}
	if only == "" && shared == 0 {
		t.Error("nothing was linked in any of them")
	}
}

// shared counts the names that lie beside another one of the same file.
func (h *history) shared(t *testing.T) (n int) {
	seen := map[uint64]bool{}
	for _, box := range h.boxes {
		for _, dir := range []string{"new", "cur"} {
			names, _ := h.disk.Names(box + "/" + dir)
			for _, name := range names {
				info, err := h.disk.Lstat(box + "/" + dir + "/" + name)
				if err != nil {
					t.Fatal(err)
				}
				if seen[info.Ino] {
					n++
				}
				seen[info.Ino] = true
			}
		}
	}
	return n
}

// live is play for an account with labels.
func (h *history) live(t *testing.T) {
	t.Helper()
	for range 2 + h.r.IntN(3) {
		h.labelled()
	}
	if h.r.IntN(2) == 0 {
		h.run(t)
	}
	for range 5 + h.r.IntN(12) {
		switch h.r.IntN(16) {
		case 0, 1:
			h.labelled()
		case 2, 3, 4:
			h.oneMore()
		case 5, 6:
			h.expunged(t)
		case 7:
			h.flagged(t)
		case 8:
			h.movedThere(t)
		case 9:
			h.renamed(t, true)
		case 10:
			h.removed(t)
		case 11, 12:
			h.breaks(t)
		case 13, 14:
			h.run(t)
		case 15:
			h.renamed(t, false)
		}
	}
	if h.r.IntN(6) == 0 {
		h.quiet(t)
		box := h.pick(h.boxes)
		h.say("the server numbers %s anew", box)
		h.server.Change(box, func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+1, uint32(1+h.r.IntN(3))) })
	}
	h.quiet(t)
	h.check(t)
}

// labelled is a message that comes in several mailboxes.
func (h *history) labelled() {
	body, date := h.body(), 1700000000+int64(h.next)
	flags := h.someFlags()
	for _, box := range h.boxes {
		if h.r.IntN(3) > 0 {
			h.say("%s arrives in %s", nameOf(body), box)
			h.server.Change(box, func(m *mem.Mailbox) { m.Add(body, date, flags...) })
		} else if box == h.boxes[len(h.boxes)-1] {
			h.deleted[nameOf(body)] = true // it may be in none
		}
	}
}

// oneMore puts a message into one more mailbox, unless it is there.
func (h *history) oneMore() {
	_, uid, body := h.there()
	to := h.pick(h.boxes)
	var date int64
	there := false
	for _, box := range h.boxes {
		h.server.Change(box, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				if msg.Body == body {
					date, there = msg.Date, there || box == to
				}
			}
		})
	}
	if uid == 0 || there {
		return
	}
	h.say("%s is in %s, too", nameOf(body), to)
	h.server.Change(to, func(m *mem.Mailbox) { m.Add(body, date) })
}
