package plan

import (
	"slices"

	"mailsync/state"
)

// Plan compares the three states of one mailbox and returns what has to be done, in
// the order of execution. It is a pure function: the same world gives the same
// operations, and a world in which they were done gives none.
//
// It never plans to destroy anything on the evidence of a snapshot that is not complete, or
// out of its scope.
func Plan(w World) []Op {
	ops, _ := decide(w, nil)
	return slices.Collect(ops.All())
}

// Waiting is what a policy leaves to another run, or the server to another day.
type Waiting struct {
	Here  int // files that the user removed, and whose messages the server has
	There int // messages that the server has no more, and whose files are here
	// Unsettable are the flags that would travel to the server if its mailbox kept them.
	Unsettable state.Flags
}

// planner plans the messages of one world.
type planner struct {
	World
	ops     Ops
	waiting Waiting
}

// decide is Plan, with what it leaves; some messages are left out.
func decide(w World, but state.UIDSet) (Ops, Waiting) {
	p := planner{World: w}
	w.views(func(v view) {
		if !but.Has(v.uid) {
			p.message(v)
		}
	})
	if w.Policy.Append && w.DiskScanned() {
		for _, f := range w.Disk.Foreign {
			if f.Token == "" {
				p.add(Op{Kind: OpAppend, Name: f.Name, Flags: p.sent(f.Flags)})
			}
		}
	}
	p.ops.Sort()
	return p.ops, p.waiting
}

// row is what is done with a message, by who has it now: both sides, the server alone, the disk
// alone, or neither of them.
type row struct{ both, server, disk, neither func(*planner, view) }

// table has a row for each state in which the base knows a message; one that it does not know is
// Outstanding.
var table = [state.Statuses]row{
	state.Outstanding: {(*planner).adopt, (*planner).fetchFitting, (*planner).keep, (*planner).forget},

	state.Live:     agreed,
	state.Doubtful: agreed,
	state.Unstable: {(*planner).compare, (*planner).removedHere, (*planner).keep, (*planner).forget},
	state.Longer:   agreed,
	state.Shorter:  agreed,
	state.Lacking:  agreed,
	state.Gone:     agreed,

	state.OnlyHere: {(*planner).adopt, (*planner).fetch, nothing, (*planner).forget},
	state.KeptAway: {(*planner).adopt, (*planner).refetch, (*planner).keep, (*planner).forget},
	state.Accepted: {(*planner).adopt, (*planner).refetch, (*planner).keep, (*planner).forget},
	state.Skipped:  {(*planner).adopt, (*planner).fetchFitting, (*planner).keep, (*planner).forget},

	state.Released: {(*planner).release, (*planner).fetch, (*planner).keep, (*planner).forget},
	state.Archived: {nothing, nothing, (*planner).fileAway, nothing},
}

// agreed is the row of a message that both sides had when they last agreed.
var agreed = row{(*planner).compare, (*planner).removedHere, (*planner).removedThere, (*planner).forget}

// message plans one message by its row, once both sides are known.
func (p *planner) message(v view) {
	if v.server == unsure || v.disk == unsure {
		return // the next run will know
	}
	for _, f := range v.extra {
		p.add(Op{Kind: OpFold, UID: v.uid, Variant: v.vari, Name: p.Disk.NameAt(f.Name)})
	}
	if !v.known {
		v.rec.Status = state.Outstanding
	}
	r := table[v.rec.Status]
	switch {
	case v.server == yes && v.disk == yes:
		r.both(p, v)
	case v.server == yes:
		r.server(p, v)
	case v.disk == yes:
		r.disk(p, v)
	default:
		r.neither(p, v)
	}
}

func nothing(*planner, view) {}

// compare: both sides have it. What is here may not be what the server has; else the flags may differ.
func (p *planner) compare(v view) {
	if Again(v.rec, !p.Policy.FetchOnce && !p.Estimates) {
		p.fetch(v)
		if v.rec.Tries == 0 {
			return // it may be another message: no flag travels before its bytes were seen
		}
	}
	status := v.rec.Status
	if status == state.Gone {
		status = state.Live // the server has it again
	}
	p.flags(v, v.rec.Agreed, status, 0)
}

// adopt ties a file that carries this identity to the server's message. Where their
// sizes differ and its name does not have its digest, the bytes are fetched and compared first; what
// both flags have is the base. No \Deleted travels from two sides that never agreed.
// A file whose name is silent has nothing against the server's flags, whatever was once agreed
// on.
func (p *planner) adopt(v view) {
	if !v.hashed && v.dSize >= 0 && v.size >= 0 && v.dSize != v.size {
		p.fetch(v)
		return
	}
	v.dFlags = v.shown
	before := len(p.ops.others)
	p.flags(v, v.sFlags&state.Pick(p.can(), v.dFlags, v.sFlags), state.Live, state.Deleted)
	for i := before; i < len(p.ops.others); i++ {
		if o := &p.ops.others[i]; o.Kind == OpAgree {
			o.Name = v.name
			return
		}
	}
}

// release: an archive run let the server's copy go, and was interrupted.
func (p *planner) release(v view) {
	p.add(Op{Kind: OpRelease, UID: v.uid, Variant: v.vari, Name: v.name})
}

func (p *planner) fetch(v view) {
	o := Op{Kind: OpFetch, UID: v.uid, Variant: v.vari, Flags: v.sFlags, Disk: v.dFlags, Size: v.size, Date: v.date, Name: v.name}
	if v.rec.Status == state.Outstanding && v.known && o == plainFetch(v.rec) {
		p.ops.addFetch(p.Base, v.place)
		return
	}
	p.add(o)
}

// fetchFitting fetches what is not too large. Skipped is what is.
func (p *planner) fetchFitting(v view) {
	switch {
	case p.Policy.MaxSize == 0 || v.size <= p.Policy.MaxSize:
		p.fetch(v)
	case v.rec.Status != state.Skipped:
		p.agree(v, state.Skipped, v.sFlags)
	}
}

// refetch fetches what is away because somebody wanted that, if they want it back.
func (p *planner) refetch(v view) {
	if p.Policy.Refetch {
		p.fetch(v)
	}
}

// removedHere: the user removed the file, and the server still has the message. Of a tree that lost
// files in another way, what is missing is fetched.
func (p *planner) removedHere(v view) {
	switch {
	case v.disk == missing, p.Policy.Refetch:
		p.fetch(v)
	case p.Policy.OnDiskDelete == Delete && p.complete(v.rec):
		p.add(Op{Kind: OpExpunge, UID: v.uid})
	case p.Policy.OnDiskDelete == Wait && p.complete(v.rec):
		p.waiting.Here++
	default:
		p.agree(v, state.KeptAway, v.rec.Agreed)
	}
}

// complete reports whether a file that its user removed may have been all of its message: only
// then did they mean the message. Where sizes are estimates, fetching it again would have nothing to
// compare with any more.
func (p *planner) complete(rec state.Record) bool {
	return Leavable(rec, p.Estimates) || p.Estimates && mayBeAll(rec.Status, true)
}

// removedThere: the server has it no more, and the file is here.
func (p *planner) removedThere(v view) {
	switch p.Policy.OnServerDelete {
	case Delete:
		p.add(Op{Kind: OpRemove, UID: v.uid, Variant: v.vari, Name: v.name})
	case Wait:
		p.waiting.There++
	default:
		p.keep(v)
	}
}

// keep: the file is the last copy.
func (p *planner) keep(v view) {
	flags := v.dFlags
	if v.rec.Status.HasFile() {
		flags = v.rec.Agreed
	}
	p.agree(v, state.OnlyHere, flags)
}

// fileAway: an archive run took it off the server, and was interrupted before the file was in its archive.
func (p *planner) fileAway(v view) {
	p.add(Op{Kind: OpFileAway, UID: v.uid, Variant: v.vari, Name: v.name})
}

// forget: nobody has it any more. A file that is missing in a tree that lost files proves nothing.
func (p *planner) forget(v view) {
	if v.disk == no {
		p.add(Op{Kind: OpForget, UID: v.uid})
	}
}

func (p *planner) agree(v view, status state.Status, flags state.Flags) {
	p.add(Op{Kind: OpAgree, UID: v.uid, Variant: v.vari, Status: status, Flags: flags})
}

func (p *planner) add(o Op) { p.ops.Add(o) }
