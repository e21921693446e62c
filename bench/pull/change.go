package pull

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/servers"
)

// What changes before a run that has something to do: the server gets new mail, another client
// changes flags there, and a mail reader changes other messages' flags on disk.
const (
	newMail   = 50
	reflagged = 200 // on each side
)

// change makes these changes, and notes in the account what both sides have to be after a
// run. Every call makes others.
func (w *world) change(a *account) error {
	a.more++
	dice := rand.New(rand.NewPCG(w.Seed, a.more))
	type place struct {
		box string
		m   *message
	}
	var all []place
	for _, name := range slices.Sorted(maps.Keys(a.boxes)) {
		box := a.boxes[name]
		for _, d := range slices.SortedFunc(maps.Keys(box), func(x, y digest) int { return strings.Compare(string(x[:]), string(y[:])) }) {
			all = append(all, place{name, box[d]})
		}
	}
	dice.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := min(reflagged, len(all)/2)
	there := map[string][]*message{}
	for _, p := range all[:n] {
		there[p.box] = append(there[p.box], p.m)
	}
	for _, p := range all[n : 2*n] {
		if err := p.m.rename(dice); err != nil {
			return err
		}
	}
	return w.changeServer(a, there, dice)
}

// toggle gives a message one flag more or less. It returns the flag, and whether it has it now.
func (m *message) toggle(dice *rand.Rand) (flag string, set bool) {
	l := letters[dice.IntN(len(letters))]
	had := m.flags
	m.flags = ""
	for _, other := range letters {
		if strings.Contains(had, other.maildir) != (other == l) {
			m.flags += other.maildir
		}
	}
	return l.imap, strings.Contains(m.flags, l.maildir)
}

// rename toggles a flag of a file, as a mail reader does. Letters that are not looked at stay.
func (m *message) rename(dice *rand.Rand) error {
	m.toggle(dice)
	base, info, _ := strings.Cut(filepath.Base(m.file), ":2,")
	kept := m.flags
	for _, c := range info {
		if !strings.ContainsRune("FRS", c) {
			kept += string(c)
		}
	}
	sorted := []byte(kept)
	slices.Sort(sorted)
	// A rename is for the rooms that keep mail safe; a reader's is one all the same.
	maildir, err := os.OpenRoot(filepath.Dir(filepath.Dir(m.file)))
	if err != nil {
		return err
	}
	defer maildir.Close()
	from := filepath.Join(filepath.Base(filepath.Dir(m.file)), filepath.Base(m.file))
	return maildir.Rename(from, filepath.Join("cur", base+":2,"+string(sorted)))
}

// changeServer stores flags, a command for each flag of a mailbox, and appends.
func (w *world) changeServer(a *account, changed map[string][]*message, dice *rand.Rand) error {
	client, err := w.client(a)
	if err != nil {
		return err
	}
	defer client.Close()
	names := w.names()
	for i, name := range names {
		share := newMail / len(names)
		if i < newMail%len(names) {
			share++
		}
		for m := range corpus.Messages(w.Seed<<32+a.more<<16+uint64(i), share) {
			if err := client.Append(name, m.Flags, m.Date, m.Raw); err != nil {
				return err
			}
			a.boxes[name].add(m)
		}
		uids := map[string][]string{}
		for _, m := range changed[name] {
			flag, set := m.toggle(dice)
			sign := "-"
			if set {
				sign = "+"
			}
			store := fmt.Sprintf("%sFLAGS.SILENT (%s)", sign, flag)
			uids[store] = append(uids[store], strconv.FormatUint(uint64(m.uid), 10))
		}
		if _, err := client.Do("SELECT " + servers.Quote(name)); err != nil {
			return err
		}
		for store, set := range uids {
			if _, err := client.Do("UID STORE " + strings.Join(set, ",") + " " + store); err != nil {
				return err
			}
		}
	}
	return nil
}

// client is another client of the account, past the delay.
func (w *world) client(a *account) (client *servers.Session, err error) {
	return client, w.Guard(func(testing.TB) error {
		client = w.server.LogIn(a.user)
		return nil
	})
}
