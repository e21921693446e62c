package disktest

import (
	"math/rand/v2"
	"slices"
	"time"
)

// SyncDir implements FS: the folder's own entries become durable, not what they lead
// to. A rename is one step on any journaling file system, so syncing one of its two
// folders carries the other's side along; so does any earlier change of the same entry.
func (m *Mem) SyncDir(dir string) error {
	defer m.mu.Unlock()
	if err := m.enter(); err != nil {
		return pathErr("sync", dir, err)
	}
	n, err := m.find(dir)
	if err != nil {
		return pathErr("sync", dir, err)
	}
	m.settle(func(c *change) bool { return c.touches(n) })
	return nil
}

type entry struct {
	dir  *node
	name string
}

// settle makes the chosen changes durable, and with each the earlier ones of the same
// entries, in the order in which they were made.
func (m *Mem) settle(choose func(*change) bool) {
	chosen := make([]bool, len(m.changes))
	needed := map[entry]bool{}
	for i, c := range slices.Backward(m.changes) {
		old, new := entry{c.from, c.oldName}, entry{c.to, c.newName}
		if choose(&c) || c.from != nil && needed[old] || c.to != nil && needed[new] {
			chosen[i] = true
			needed[old], needed[new] = c.from != nil, c.to != nil
		}
	}
	rest := m.changes[:0]
	for i, c := range m.changes {
		if chosen[i] {
			c.apply()
		} else {
			rest = append(rest, c)
		}
	}
	clear(m.changes[len(rest):])
	m.changes = rest
}

// apply carries a change out on the durable side.
func (c *change) apply() {
	if c.from != nil && c.from.durable[c.oldName] == c.target {
		delete(c.from.durable, c.oldName)
	}
	if c.to != nil {
		c.to.durable[c.newName] = c.target
	}
}

// Crash cuts the power and returns the file system as it is found afterwards; the old
// one answers every call with ErrPower from now on. What was synced is there. Of what
// was not, each change of an entry has happened or has not, each on its own (though
// never a later change of an entry without the earlier ones of it), and a file's
// unsynced bytes are all there, or cut, or zero, or none is.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	odds := rng.Float64() // some crashes lose nearly all, some nearly nothing
	m.settle(func(*change) bool { return rng.Float64() < odds })
	after := &Mem{opts: m.opts, lastIno: m.lastIno, now: m.now + int64(time.Minute)}
	copies := map[*node]*node{}
	after.root = after.revive(m.root, copies, rng)
	return after
}

// revive copies what is durable of a node and of everything below it.
func (m *Mem) revive(n *node, copies map[*node]*node, rng *rand.Rand) *node {
	if c, ok := copies[n]; ok {
		c.links++
		return c
	}
	c := &node{ino: n.ino, mode: n.mode, mtime: n.mtime, ctime: n.ctime, btime: n.btime, links: 1}
	copies[n] = c
	if !n.mode.IsDir() {
		c.data, c.mtime = n.remains(rng)
		c.synced = &synced{data: c.data, mtime: c.mtime}
		m.used += int64(len(c.data))
		return c
	}
	c.entries, c.durable = map[string]*node{}, map[string]*node{}
	for _, name := range sortedNames(n.durable) { // in order: one seed, one crash
		child := m.revive(n.durable[name], copies, rng)
		c.entries[name], c.durable[name] = child, child
	}
	return c
}

func sortedNames(entries map[string]*node) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// remains is what a crash leaves of a file.
func (n *node) remains(rng *rand.Rand) (data []byte, mtime int64) {
	var safe []byte
	mtime = n.mtime
	if n.synced != nil {
		safe = n.synced.data
		mtime = n.synced.mtime
	}
	if len(n.data) == len(safe) {
		return slices.Clone(n.data), mtime // files are only appended to
	}
	switch rng.IntN(4) {
	case 0:
		return slices.Clone(n.data), n.mtime
	case 1:
		cut := len(safe) + rng.IntN(len(n.data)-len(safe))
		return slices.Clone(n.data[:cut]), n.mtime
	case 2:
		zeros := slices.Clone(n.data)
		clear(zeros[len(safe):])
		return zeros, n.mtime
	}
	return slices.Clone(safe), mtime
}
