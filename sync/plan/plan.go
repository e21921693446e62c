package plan

import (
	"mailsync/state"
)

// Plan compares the three states of one mailbox and returns what has to be done, in
// the order of execution. It is a pure function: the same world gives the same
// operations, and a world in which they were done gives none.
//
// It is the table of doc.go, row by row. It never plans to destroy anything on the
// word of a snapshot that is not complete, or out of its scope.
func Plan(w World) []Op {
	ops, _ := decide(w)
	return ops
}

// Waiting is what a policy leaves to another run, or the server to another day.
type Waiting struct {
	Here  int // files that the user removed, and whose messages the server has
	There int // messages that the server has not any more, and whose files are here
	// Unsettable are the flags that would go to the server if its mailbox kept them.
	Unsettable state.Flags
}

// decide is Plan, with what it leaves.
func decide(w World) ([]Op, Waiting) {
	p := Planner{W: w}
	if w.DiskSaid() {
		p.Can = w.Disk.Can
	}
	w.views(p.message)
	if w.Policy.Append && w.DiskSaid() {
		for _, f := range w.Disk.Foreign {
			if f.Token == "" {
				p.add(Op{Kind: OpAppend, Name: f.Name, Flags: p.Sent(f.Flags)})
			}
		}
	}
	SortOps(p.ops)
	return p.ops, p.waiting
}

// Planner plans the messages of one world.
type Planner struct {
	W       World
	Can     state.Flags // flags a file name can carry
	ops     []Op
	waiting Waiting
}

func (p *Planner) add(o Op) { p.ops = append(p.ops, o) }

// message plans one message: first by what the base knows of it, then by what each
// side shows.
func (p *Planner) message(v view) {
	if v.server == unsure || v.disk == unsure {
		return // one side did not say: the next run will know
	}
	for _, f := range v.extra {
		p.add(Op{Kind: OpFold, UID: v.uid, Variant: v.vari, Name: p.W.Disk.NameAt(f.Name)})
	}
	status := state.Outstanding // what the base does not know is not here yet
	if v.known {
		status = v.rec.Status
	}
	switch status {
	case state.Outstanding:
		p.fresh(v)
	case state.Live, state.Gone, state.Unstable, state.Doubtful, state.Longer, state.Shorter, state.Lacking:
		p.live(v)
	case state.OnlyHere:
		p.onlyHere(v)
	case state.KeptAway, state.Accepted:
		p.away(v, p.W.Policy.Refetch)
	case state.Skipped:
		p.away(v, p.fits(v))
	case state.Released:
		p.released(v)
	case state.Archived:
		if v.server == no && v.disk == yes {
			p.add(Op{Kind: OpFileAway, UID: v.uid, Variant: v.vari, Name: v.name})
		}
	}
}

// fresh: the base has no agreement about it.
func (p *Planner) fresh(v view) {
	switch {
	case v.server == yes && v.disk == yes:
		p.adopt(v)
	case v.server == yes && !p.fits(v):
		p.agree(v, state.Skipped, v.sFlags)
	case v.server == yes:
		p.fetch(v)
	case v.disk == yes:
		p.agree(v, state.OnlyHere, v.dFlags)
	case v.known:
		p.add(Op{Kind: OpForget, UID: v.uid})
	}
}

// live: both had it when they last agreed.
func (p *Planner) live(v view) {
	switch {
	case v.server == yes && v.disk == yes:
		if Again(v.rec, !p.W.Policy.FetchOnce && !p.W.Estimates) {
			p.fetch(v)
			if v.rec.Tries == 0 {
				return // it may be another message: no flag travels before its bytes were seen
			}
		}
		p.flags(v, v.rec.Agreed, keepStatus(v.rec.Status), 0)
	case v.server == yes && v.disk == missing:
		p.fetch(v)
	case v.server == yes:
		p.removedHere(v)
	case v.disk == yes && p.W.Policy.OnServerDelete == Delete && v.rec.Status != state.Unstable:
		p.add(Op{Kind: OpRemove, UID: v.uid, Variant: v.vari, Name: v.name})
	case v.disk == yes && p.W.Policy.OnServerDelete == Wait && v.rec.Status != state.Unstable:
		p.waiting.There++
	case v.disk == yes:
		p.agree(v, state.OnlyHere, v.rec.Agreed)
	case v.disk == no:
		p.add(Op{Kind: OpForget, UID: v.uid})
	}
}

// keepStatus is the state a message has after its flags agree. Gone with the server
// having it again is live; doubt stays until the next fetch.
func keepStatus(s state.Status) state.Status {
	if s == state.Gone {
		return state.Live
	}
	return s
}

// removedHere: the user removed the file, and the server still has the message.
func (p *Planner) removedHere(v view) {
	switch {
	case p.W.Policy.Refetch:
		p.fetch(v)
	case p.W.Policy.OnDiskDelete == Delete && p.readWhole(v.rec):
		p.add(Op{Kind: OpExpunge, UID: v.uid})
	case p.W.Policy.OnDiskDelete == Wait && p.readWhole(v.rec):
		p.waiting.Here++
	default:
		p.agree(v, state.KeptAway, v.rec.Agreed)
	}
}

// readWhole reports whether a file that its user removed may have been all of its message: only
// then did they mean the message. Where sizes are estimates, fetching it again would have nothing to
// compare with any more.
func (p *Planner) readWhole(rec state.Record) bool {
	return Leavable(rec, p.W.Estimates) || p.W.Estimates && mayBeAll(rec.Status, true)
}

// onlyHere: the server had it once, the file is the last copy.
func (p *Planner) onlyHere(v view) {
	switch {
	case v.server == yes && v.disk == yes:
		p.adopt(v)
	case v.server == yes:
		p.fetch(v)
	case v.disk == no:
		p.add(Op{Kind: OpForget, UID: v.uid})
	}
}

// away: on the server, and for a reason not here. want says that the reason is gone.
func (p *Planner) away(v view, want bool) {
	switch {
	case v.server == yes && v.disk == yes:
		p.adopt(v)
	case v.server == yes && want:
		p.fetch(v)
	case v.server == yes:
	case v.disk == yes:
		p.agree(v, state.OnlyHere, v.dFlags)
	default:
		p.add(Op{Kind: OpForget, UID: v.uid})
	}
}

// released: an archive run let the server's copy go and did not come to its end.
func (p *Planner) released(v view) {
	switch {
	case v.server == yes && v.disk == yes:
		p.add(Op{Kind: OpRelease, UID: v.uid, Variant: v.vari, Name: v.name})
	case v.server == yes:
		p.fetch(v)
	case v.disk == yes:
		p.agree(v, state.OnlyHere, v.rec.Agreed)
	case v.disk == no:
		p.add(Op{Kind: OpForget, UID: v.uid})
	}
}

// adopt ties a file that carries this identity to the server's message. Where their
// sizes differ and its name does not tell its digest, the bytes are fetched and compared first; what
// both flags have is the base. No \Deleted travels on the word of two sides that never agreed.
// A file whose name is silent has nothing to say against the server's flags, whatever was once agreed
// on.
func (p *Planner) adopt(v view) {
	if !v.hashed && v.dSize >= 0 && v.size >= 0 && v.dSize != v.size {
		p.fetch(v)
		return
	}
	v.dFlags = v.shown
	before := len(p.ops)
	p.flags(v, v.sFlags&state.Pick(p.Can, v.dFlags, v.sFlags), state.Live, state.Deleted)
	for i := before; i < len(p.ops); i++ {
		if p.ops[i].Kind == OpAgree {
			p.ops[i].Name = v.name
			return
		}
	}
}

// flags merges the flags of a message that both sides have. A disk that was not looked
// at has nothing to say about flags: they wait for a run that looks. A name in which mail
// programs see no flags is given those that the file has, so that they show them again.
// Those in still stay where they are.
func (p *Planner) flags(v view, base state.Flags, status state.Status, still state.Flags) {
	if !p.W.DiskSaid() {
		return
	}
	toServer, toDisk := p.Masks()
	kept := p.keeps()
	disk := state.Pick(p.Can, v.dFlags, base)
	merged := state.Merge(base, v.sFlags, disk)
	wantServer := state.Pick(toServer&kept&^still, merged, v.sFlags)
	p.waiting.Unsettable |= (merged ^ v.sFlags) & toServer &^ (kept | still)
	wantDisk := state.Pick(toDisk&^still, merged, disk)
	if wantServer != v.sFlags {
		p.add(Op{Kind: OpFlagServer, UID: v.uid, Flags: wantServer, Server: v.sFlags, Disk: disk})
	}
	shown := disk
	if v.silent {
		shown = state.Pick(p.Can, v.shown, base)
	}
	if wantDisk != disk || v.hidden && p.rewrites(v) {
		p.add(Op{Kind: OpFlagDisk, UID: v.uid, Variant: v.vari, Name: v.name, Flags: wantDisk, Server: wantServer, Disk: shown})
	}
	agreed := Agreement(base, wantServer, wantDisk)
	if agreed != v.rec.Agreed || !v.known || status != v.rec.Status {
		p.add(Op{Kind: OpAgree, UID: v.uid, Variant: v.vari, Status: status, Flags: agreed})
	}
}

// rewrites reports whether a name in which mail programs see no flags is written anew. One that is
// silent stays where flags do not travel to the server: what it would show if it could be read, nobody
// else may know.
func (p *Planner) rewrites(v view) bool {
	return p.W.Policy.FlagsToDisk && (!v.silent || p.W.Policy.FlagsToServer)
}

// Masks returns the flags that may travel each way. \Deleted travels only where the
// deletion itself would.
func (p *Planner) Masks() (toServer, toDisk state.Flags) {
	pol := p.W.Policy
	if pol.FlagsToServer {
		toServer = p.Can
		if pol.OnDiskDelete != Delete {
			toServer &^= state.Deleted
		}
	}
	if pol.FlagsToDisk {
		toDisk = p.Can
		if pol.OnServerDelete != Delete {
			toDisk &^= state.Deleted
		}
	}
	return toServer, toDisk
}

// keeps returns the flags that the mailbox on the server keeps, as far as is known.
func (p *Planner) keeps() state.Flags {
	kept := ^p.W.Unsettable
	if sn := p.W.Server; sn != nil && !sn.ReadOnly {
		kept &= settable(sn)
	}
	return kept
}

// Untried are the flags that are known not to be settable in a mailbox, but for those that are worth
// another try: all of them where everything is compared, and where the mailbox was opened as for
// changes those that it has denied, and lets be changed by now. It is a pure function.
func Untried(g *state.Generation, sn *state.ServerSnapshot, full bool) state.Flags {
	switch {
	case full:
		return 0
	case sn == nil || sn.ReadOnly:
		return g.Unsettable
	}
	return g.Unsettable &^ (g.Denied & settable(sn))
}

// settable is what STORE can change: where the server lets clients make keywords, every
// keyword, also one that it has not seen yet.
func settable(sn *state.ServerSnapshot) state.Flags {
	if sn.NewWords {
		return sn.Permanent | state.Forwarded | ^state.System
	}
	return sn.Permanent
}

// Sent are the flags that an appended message is given.
func (p *Planner) Sent(f state.Flags) state.Flags {
	if p.W.Policy.OnDiskDelete != Delete {
		f &^= state.Deleted
	}
	return f &^ p.W.Unsettable
}

// Agreement is what both sides agree on once they have these flags: where they are
// equal, that; where they differ because the flag may not travel or a file cannot
// carry it, what they agreed on before, so that it travels on the day it can.
func Agreement(base, server, disk state.Flags) state.Flags {
	return state.Pick(^(server ^ disk), server, base)
}

func (p *Planner) fits(v view) bool {
	return p.W.Policy.MaxSize == 0 || v.size <= p.W.Policy.MaxSize
}

func (p *Planner) fetch(v view) {
	p.add(Op{Kind: OpFetch, UID: v.uid, Variant: v.vari, Flags: v.sFlags, Disk: v.dFlags, Size: v.size, Date: v.date, Name: v.name})
}

func (p *Planner) agree(v view, status state.Status, flags state.Flags) {
	p.add(Op{Kind: OpAgree, UID: v.uid, Variant: v.vari, Status: status, Flags: flags})
}
