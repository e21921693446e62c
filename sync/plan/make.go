package plan

import (
	"mailsync/state"
)

// Task is a world, and what else decides what is done in a mailbox: what was found out over the whole
// account, what earlier runs left, and what the user asked for.
type Task struct {
	World
	Anew   bool       // the server's numbers are others than the base had: nothing is destroyed by them
	Blind  bool       // what vanished may be in a mailbox that this run did not see
	Braked state.Held // what the brake held back in the last run

	Keep map[string]bool // bare names of files that are not to be appended
	// MayBe: there are files of mail programs which may prove to be messages that are to be
	// fetched.
	MayBe  bool
	Copies []state.Foreign // files that are copies of other mailboxes' messages

	Moving map[state.UID]bool // messages that are moved to another mailbox, or from one
	Moves  []Op               // what is done about these here

	Leaving map[state.UID]bool // as in Leave
	Release bool               // messages may leave the server
	Alone   bool               // as in Leave

	Accept []state.UID // of messages that the user accepts as they are
}

// Made is what Make makes of a task.
type Made struct {
	Ops      Ops        // all that is to be done, in the order of execution
	Waits    Waiting    // what is left to another run, or to another day
	Braked   state.Held // deletions that the brake held back
	NotYet   int        // files that the server may have already: the next run knows
	HeldBack bool       // operations are held back because the server's numbers are new
	Awaited  bool       // operations wait for a run that sees all mailboxes
	PutOff   int        // operations that this run leaves to another, as it is about what leaves
}

// Make plans a mailbox: what Plan returns, with what is to leave the server, without what has to wait, under
// the brake; then what was moved, and what the user accepts. It is a pure function, and nothing adds to
// its operations or takes from them afterwards.
func Make(t Task) (m Made) {
	m.Ops, m.Waits = decide(t.World, nil)
	if t.Release {
		m.Ops, m.PutOff = Leave(t.World, m.Ops, t.Leaving, t.Alone)
	}
	m.holdAppends(t)
	if len(t.Moving) > 0 {
		m.Ops.Without(func(o Op) bool { return t.Moving[o.UID] })
	}
	if t.Anew {
		m.HeldBack = m.Ops.Without(func(o Op) bool { return o.Kind.Destroys() && o.Kind != OpForget }) > 0
	}
	if t.Blind {
		m.Awaited = m.Ops.Without(func(o Op) bool { return o.UID != 0 && RecordAt(t.Base, o.UID).Status == state.Gone }) > 0
	}
	m.Ops.others, m.Braked = Brake(m.Ops.others, t.Base, t.Policy, t.Braked) // a fetch deletes nothing
	m.addMoves(t)
	m.accept(t)
	m.Ops.Sort()
	return m
}

// holdAppends leaves those files to the next run that may prove to be messages of the server's:
// ones that are to be fetched, or that an earlier run appended before it was interrupted.
func (m *Made) holdAppends(t Task) {
	first, any := m.Ops.First()
	fetches := t.MayBe && any && first.Kind == OpFetch
	m.NotYet = m.Ops.Without(func(o Op) bool { return o.Kind == OpAppend && (fetches || t.Keep[Bare(o.Name)]) })
}

// addMoves adds what was moved, in place of what the mailbox would do on its own, and copies. It follows
// the brake: a move deletes nothing.
func (m *Made) addMoves(t Task) {
	moved := map[string]bool{}
	for _, o := range t.Moves {
		if o.Kind == OpMove {
			moved[o.Name] = true
		}
	}
	if len(moved) > 0 {
		m.Ops.Without(func(o Op) bool { return o.Kind == OpAppend && moved[o.Name] })
	}
	m.Ops.Add(t.Moves...)
	if !t.Policy.Append {
		return
	}
	for _, c := range t.Copies {
		if !t.Keep[Bare(c.Name)] {
			m.Ops.Add(Op{Kind: OpAppend, Name: c.Name, Flags: t.sent(c.Flags)})
		}
	}
}

// accept turns the fetches of messages that the user has accepted into agreements: that an
// outstanding message cannot be fetched, which counts as no failure any more; that one which is here, and
// of another length than the server announces, is all there is of it.
func (m *Made) accept(t Task) {
	for _, uid := range t.Accept {
		rec := RecordAt(t.Base, uid)
		o := Op{Kind: OpAgree, UID: uid, Variant: max(1, rec.Variant), Status: state.Live, Flags: rec.Agreed}
		planned := func(p Op) bool { return p.UID == uid && (p.Kind == OpFetch || p.Kind == OpAgree) }
		var was Op
		for p := range m.Ops.All() {
			if planned(p) {
				was = p
				break
			}
		}
		switch {
		case rec.Status == state.Outstanding && was.Kind == OpFetch:
			o.Status, o.Flags = state.Accepted, was.Flags
		case !InDoubt(rec):
			continue
		case was.Kind == OpAgree:
			o.Flags = was.Flags
		}
		m.Ops.Without(planned)
		m.Ops.Add(o)
	}
}

// Leave adds to a plan what messages need to leave the server: leaving has their UIDs, and
// whether what is here has to be compared with the server's bytes first. With alone, the
// plan keeps only what concerns them, and what a run before had released, and fetches what
// of them is not here; it returns how many operations are put off for that. Without, only
// what the plan leaves here may leave the server. Like Plan it is a pure function.
func Leave(w World, ops Ops, leaving map[state.UID]bool, alone bool) (out Ops, putOff int) {
	if len(leaving) == 0 && !alone {
		return ops, 0 // nothing to add, and nothing to leave out
	}
	if alone {
		putOff = ops.Without(func(o Op) bool {
			_, goes := leaving[o.UID]
			stays := goes && o.Kind != OpExpunge && o.Kind != OpRemove
			return !stays && o.Kind != OpRelease && o.Kind != OpFileAway
		})
	}
	fetches, releases := map[state.UID]bool{}, map[state.UID]bool{} // of those that leave
	for o := range ops.Of(OpFetch) {
		if _, goes := leaving[o.UID]; goes {
			fetches[o.UID] = true
		}
	}
	for o := range ops.Of(OpRelease) {
		releases[o.UID] = true
	}
	p := planner{World: w, ops: ops}
	wanted := map[state.UID]bool{} // though the plan leaves them away
	w.views(func(v view) {
		compare, goes := leaving[v.uid]
		if !goes || v.server != yes || v.disk == unsure || releases[v.uid] {
			return
		}
		switch {
		case fetches[v.uid], v.disk == yes && !compare:
		case v.disk == yes, alone:
			p.fetch(v)
			wanted[v.uid] = true
		default:
			return
		}
		p.add(Op{Kind: OpRelease, UID: v.uid, Variant: v.vari, Name: v.name})
	})
	p.ops.Without(func(o Op) bool { return wanted[o.UID] && o.Kind == OpAgree && !o.Status.HasFile() })
	p.ops.Sort()
	return p.ops, putOff
}
