package sync_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// A history is what happens to one account that is mirrored: messages come, are flagged,
// moved and deleted on both sides, runs come in between, and some of them break off. In
// the end, when nobody does anything any more, both sides have to hold the same, and
// every message that nobody deleted has to be there once.
type history struct {
	*lab
	r       *rand.Rand
	boxes   []string
	next    int
	deleted map[string]bool // by the user, on either side
	labels  bool            // messages lie in several mailboxes
	torn    bool            // a run was interrupted: until the next, a file may have two names, and nobody touches them
	log     []string
	turn    chan bool // guards log
}

// modelSeed, if set in the environment, is the one history to play, told step by step.
const modelSeed = "MAILSYNC_MODEL_SEED"

func TestHistories(t *testing.T) {
	first, last := uint64(1), uint64(2000)
	if testing.Short() {
		last = 200
	}
	only := os.Getenv(modelSeed)
	if only != "" {
		n, err := strconv.ParseUint(only, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, last = n, n
	}
	for seed := first; seed <= last && !t.Failed(); seed++ {
		h := newHistory(seed)
		h.play(t)
		if t.Failed() || only != "" {
			t.Logf("%s=%d\n%s", modelSeed, seed, strings.Join(h.log, "\n"))
		}
	}
}

func newHistory(seed uint64) *history {
	h := &history{lab: newLab(), boxes: []string{"INBOX", "Archive", "Lists/Go"}, r: rand.New(rand.NewPCG(seed, 1)), deleted: map[string]bool{}, turn: make(chan bool, 1)}
	h.server.Create("Archive")
	h.server.Create("Lists/Go")
	h.server.NoUIDPlus = h.r.IntN(8) == 0
	h.server.ByContent = seed%3 == 0
	h.policy.Append, h.policy.OnServerDelete = true, plan.Delete
	if !h.server.NoUIDPlus {
		h.policy.OnDiskDelete = plan.Delete
	}
	h.policy.MaxDelete, h.policy.Meant = 1000, true
	return h
}

func (h *history) say(format string, args ...any) {
	h.log = append(h.log, fmt.Sprintf(format, args...))
}

// step tells every step of a run where one history is told.
func (h *history) step(under func(string) error) func(string) error {
	if os.Getenv(modelSeed) == "" {
		return under
	}
	return func(s string) error {
		h.turn <- true
		h.say("      %s", s)
		<-h.turn
		if under != nil {
			return under(s)
		}
		return nil
	}
}

func (h *history) play(t *testing.T) {
	t.Helper()
	for range 3 + h.r.IntN(3) {
		h.arrives()
	}
	h.run(t)
	for range 4 + h.r.IntN(12) {
		switch h.r.IntN(14) {
		case 0:
			h.arrives()
		case 1, 2:
			h.flagged(t)
		case 3, 4:
			h.movedThere(t)
		case 5:
			h.expunged(t)
		case 6:
			h.put(t)
		case 7, 8:
			h.renamed(t, true)
		case 9, 10:
			h.renamed(t, false)
		case 11:
			h.removed(t)
		case 12:
			h.breaks(t)
		case 13:
			h.run(t)
		}
	}
	if h.r.IntN(6) == 0 {
		h.quiet(t)
		box := h.pick(h.boxes)
		h.say("the server numbers %s anew", box)
		h.server.Change(box, func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+1, uint32(1+h.r.IntN(3))) })
	}
	if h.r.IntN(6) == 0 {
		h.renamedThere(t)
	}
	h.quiet(t)
	h.check(t)
}

// renamedThere renames a mailbox on the server, beside new mail and flags. (That a run which
// meets it may break off anywhere, TestMailboxRenamedOnTheServer sees.)
func (h *history) renamedThere(t *testing.T) {
	h.quiet(t)
	i := 1 + h.r.IntN(len(h.boxes)-1)
	from := h.boxes[i]
	to := from + " of old"
	h.say("the mailbox %s becomes %s", from, to)
	h.server.Rename(from, to)
	h.boxes[i] = to
	h.arrives()
	h.flagged(t)
}

func (h *history) pick(from []string) string { return from[h.r.IntN(len(from))] }

func (h *history) body() string {
	h.next++
	return fmt.Sprintf("Message-ID: <m%d@x>\r\nSubject: m%d.\r\n\r\nbody\r\n", h.next, h.next)
}

func nameOf(body string) string {
	_, rest, _ := strings.Cut(body, "Subject: ")
	name, _, _ := strings.Cut(rest, ".")
	return name
}

func (h *history) someFlags() (names []string) {
	for _, f := range []string{`\Seen`, `\Flagged`, `\Answered`} {
		if h.r.IntN(2) == 0 {
			names = append(names, f)
		}
	}
	return names
}

func (h *history) arrives() {
	box, body := h.pick(h.boxes), h.body()
	h.say("%s arrives in %s", nameOf(body), box)
	h.server.Change(box, func(m *mem.Mailbox) { m.Add(body, 1700000000+int64(h.next), h.someFlags()...) })
}

// onServer picks a message on the server.
func (h *history) there() (box string, uid state.UID, body string) {
	box = h.pick(h.boxes)
	h.server.Change(box, func(m *mem.Mailbox) {
		if len(m.Messages) > 0 {
			msg := m.Messages[h.r.IntN(len(m.Messages))]
			uid, body = msg.UID, msg.Body
		}
	})
	return box, uid, body
}

func (h *history) flagged(*testing.T) {
	box, uid, body := h.there()
	if uid == 0 {
		return
	}
	flag, on := h.pick([]string{`\Seen`, `\Flagged`, `\Answered`}), h.r.IntN(2) == 0
	h.say("%s in %s: %s is %t on the server", nameOf(body), box, flag, on)
	h.server.Change(box, func(m *mem.Mailbox) { m.Flag(uid, flag, on) })
}

func (h *history) movedThere(t *testing.T) {
	box, uid, body := h.there()
	to := h.pick(h.boxes)
	if uid == 0 || to == box || h.torn { // moved on before anybody saw it there: it is fetched, and a second file stays
		return
	}
	h.say("%s is moved from %s to %s on the server", nameOf(body), box, to)
	h.moveThere(t, box, to, uid)
}

func (h *history) expunged(t *testing.T) {
	box, uid, body := h.there()
	if uid == 0 || h.torn && h.record(t, box, uid).UID == 0 { // a run that was interrupted put it there: its file stays
		return
	}
	h.say("%s is expunged from %s", nameOf(body), box)
	h.deleted[nameOf(body)] = true
	h.server.Change(box, func(m *mem.Mailbox) { m.Expunge(uid) })
}

// here picks a file.
func (h *history) here(t *testing.T) (box, name, body string) {
	box = h.pick(h.boxes)
	var all []string
	for _, dir := range []string{"new", "cur"} {
		names, err := h.disk.Names(box + "/" + dir)
		if err != nil {
			return box, "", ""
		}
		for _, n := range names {
			all = append(all, dir+"/"+n)
		}
	}
	if len(all) == 0 || h.torn {
		return box, "", ""
	}
	name = h.pick(all)
	return box, name, h.rebuilt(t, box+"/"+name)
}

func (h *history) put(t *testing.T) {
	box, body := h.pick(h.boxes), h.body()
	if _, err := h.disk.Names(box + "/cur"); err != nil {
		return
	}
	h.say("%s is put into %s", nameOf(body), box)
	h.drop(t, fmt.Sprintf("%s/%s/%d.host", box, h.pick([]string{"new", "cur"}), h.next), strings.ReplaceAll(body, "\r\n", "\n"))
}

// renamed plays a mail program that flags a file, or moves it to another Maildir.
func (h *history) renamed(t *testing.T, flags bool) {
	box, name, body := h.here(t)
	to := box
	if !flags {
		to = h.pick(h.boxes)
	}
	if name == "" || !flags && to == box {
		return
	}
	if _, err := h.disk.Names(to + "/cur"); err != nil {
		return
	}
	base, letters, _ := strings.Cut(path.Base(name), ":2,")
	if flags {
		letters = h.pick([]string{"", "F", "FS", "R", "S", "FRS"})
	}
	next := to + "/cur/" + base + ":2," + letters
	if _, err := h.disk.Lstat(next); err == nil {
		return
	}
	h.say("%s in %s becomes %s", nameOf(body), box, next)
	h.mustDo(t, h.disk.Rename(box+"/"+name, next), box, to)
}

func (h *history) removed(t *testing.T) {
	box, name, body := h.here(t)
	if name == "" {
		return
	}
	h.say("%s is removed from %s", nameOf(body), box)
	h.deleted[nameOf(body)] = true
	h.mustDo(t, h.disk.Remove(box+"/"+name), box)
}

// mustDo makes what a mail program did durable.
func (h *history) mustDo(t *testing.T, err error, boxes ...string) {
	t.Helper()
	for _, b := range boxes {
		err = errors.Join(err, h.disk.SyncDir(b+"/new"), h.disk.SyncDir(b+"/cur"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h *history) run(t *testing.T) {
	t.Helper()
	h.say("run")
	h.torn = false
	if r := h.lab.run(nil, h.step(nil)); r.Fatal != nil || len(r.Problems) > 0 {
		t.Errorf("run: %v %v", r.Fatal, r.Problems)
	}
}

// breaks is a run that is interrupted at some step, or loses its power at some file operation.
func (h *history) breaks(t *testing.T) {
	h.torn = true
	n := 1 + h.r.IntN(25)
	if h.r.IntN(2) == 0 {
		h.say("run, cut at step %d", n)
		step, _ := cutAt(n)
		h.lab.run(nil, h.step(step))
		return
	}
	h.say("run, power lost at change %d", n)
	cut := disktest.CutAt(h.disk, n)
	h.lab.run(cut, h.step(nil))
	h.disk = h.disk.Crash(rand.New(rand.NewPCG(uint64(n), 3)))
	h.disk.Wait(t.Context(), time.Hour)
}

// quiet runs until there is nothing to do.
func (h *history) quiet(t *testing.T) {
	t.Helper()
	h.change = func(a *port.Account) { a.Full = true }
	h.run(t)
	h.change = nil
	for range 8 {
		before := h.server.Commands()
		h.say("run")
		r := h.lab.run(nil, h.step(nil))
		if r.Status() != "ok" {
			t.Errorf("run: %v %v", r.Fatal, r.Problems)
		}
		if h.server.Commands()-before == 1 && r.Unchanged == r.Mailboxes {
			return
		}
	}
	t.Error("it never comes to rest")
}

// check holds both sides against each other and against what nobody deleted.
func (h *history) check(t *testing.T) {
	t.Helper()
	there, here := map[string]int{}, map[string]int{}
	var server, files []string
	for _, box := range h.boxes {
		h.server.Change(box, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				var letters []string
				for f, l := range map[string]string{`\Flagged`: "F", `\Answered`: "R", `\Seen`: "S"} {
					if msg.Flags[f] {
						letters = append(letters, l)
					}
				}
				slices.Sort(letters)
				there[nameOf(msg.Body)]++
				server = append(server, fmt.Sprint(box, " ", nameOf(msg.Body), " ", strings.Join(letters, "")))
			}
		})
	}
	for _, f := range h.files(t) {
		here[nameOf(f.body)]++
		files = append(files, fmt.Sprint(f.box, " ", nameOf(f.body), " ", f.flags))
	}
	slices.Sort(server)
	slices.Sort(files)
	if !slices.Equal(server, files) && !(h.policy.OnDiskDelete == plan.Keep && subset(files, server)) {
		t.Errorf("on the server %q\nhere          %q", server, files)
	}
	for n := 1; n <= h.next; n++ {
		name := fmt.Sprintf("m%d", n)
		if s, d := there[name], here[name]; (s > 1 || d > 1) && !h.labels || !h.deleted[name] && (s == 0 || d == 0) {
			t.Errorf("%s (deleted %t) is %d times on the server and %d times here", name, h.deleted[name], s, d)
		}
	}
}

// subset reports whether every element of sorted a is in b.
func subset(a, b []string) bool {
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) })
}
