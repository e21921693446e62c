package plan

import (
	"slices"

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
	Ops      []Op       // all that is to be done, in the order of execution
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
	m.Ops, m.Waits = decide(t.World)
	if t.Release {
		m.Ops, m.PutOff = Leave(t.World, m.Ops, t.Leaving, t.Alone)
	}
	m.holdAppends(t)
	m.without(func(o Op) bool { return t.Moving[o.UID] })
	if t.Anew {
		m.HeldBack = m.without(func(o Op) bool { return o.Kind.Destroys() && o.Kind != OpForget }) > 0
	}
	if t.Blind {
		m.Awaited = m.without(func(o Op) bool { return o.UID != 0 && RecordAt(t.Base, o.UID).Status == state.Gone }) > 0
	}
	m.Ops, m.Braked = Brake(m.Ops, t.Base, t.Policy, t.Braked)
	m.addMoves(t)
	m.accept(t)
	SortOps(m.Ops)
	return m
}

// without leaves out operations, and returns how many.
func (m *Made) without(out func(Op) bool) int {
	n := len(m.Ops)
	m.Ops = slices.DeleteFunc(m.Ops, out)
	return n - len(m.Ops)
}

// holdAppends leaves those files to the next run that may prove to be messages of the server's:
// ones that are to be fetched, or that an earlier run appended before it was interrupted.
func (m *Made) holdAppends(t Task) {
	fetches := t.MayBe && slices.ContainsFunc(m.Ops, func(o Op) bool { return o.Kind == OpFetch })
	m.NotYet = m.without(func(o Op) bool { return o.Kind == OpAppend && (fetches || t.Keep[Bare(o.Name)]) })
}

// addMoves adds what was moved, in place of what the mailbox would do on its own, and copies. It follows
// the brake: a move deletes nothing.
func (m *Made) addMoves(t Task) {
	for _, o := range t.Moves {
		if o.Kind == OpMove {
			m.without(func(p Op) bool { return p.Kind == OpAppend && p.Name == o.Name })
		}
		m.Ops = append(m.Ops, o)
	}
	if !t.Policy.Append {
		return
	}
	for _, c := range t.Copies {
		if !t.Keep[Bare(c.Name)] {
			m.Ops = append(m.Ops, Op{Kind: OpAppend, Name: c.Name, Flags: t.sent(c.Flags)})
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
		switch i := slices.IndexFunc(m.Ops, planned); {
		case rec.Status == state.Outstanding && i >= 0 && m.Ops[i].Kind == OpFetch:
			o.Status, o.Flags = state.Accepted, m.Ops[i].Flags
		case !InDoubt(rec):
			continue
		case i >= 0 && m.Ops[i].Kind == OpAgree:
			o.Flags = m.Ops[i].Flags
		}
		m.without(planned)
		m.Ops = append(m.Ops, o)
	}
}

// Leave adds to a plan what messages need to leave the server: leaving has their UIDs, and
// whether what is here has to be compared with the server's bytes first. With alone, the
// plan keeps only what concerns them, and what a run before had released, and fetches what
// of them is not here; it returns how many operations are put off for that. Without, only
// what the plan leaves here may leave the server. Like Plan it is a pure function.
func Leave(w World, ops []Op, leaving map[state.UID]bool, alone bool) (out []Op, putOff int) {
	if len(leaving) == 0 && !alone {
		return ops, 0 // nothing to add, and nothing to leave out
	}
	does := map[state.UID]map[OpKind]bool{} // of those that leave
	for _, o := range ops {
		_, goes := leaving[o.UID]
		if alone && !(goes || o.Kind == OpRelease || o.Kind == OpFileAway) {
			putOff++
			continue
		}
		if alone && (o.Kind == OpExpunge || o.Kind == OpRemove) {
			putOff++
			continue
		}
		if goes {
			if does[o.UID] == nil {
				does[o.UID] = map[OpKind]bool{}
			}
			does[o.UID][o.Kind] = true
		}
		out = append(out, o)
	}
	p := planner{World: w, ops: out}
	wanted := map[state.UID]bool{} // though the plan leaves them away
	w.views(func(v view) {
		compare, goes := leaving[v.uid]
		if !goes || v.server != yes || v.disk == unsure || does[v.uid][OpRelease] {
			return
		}
		fetched := does[v.uid][OpFetch]
		switch {
		case fetched, v.disk == yes && !compare:
		case v.disk == yes, alone:
			p.fetch(v)
			wanted[v.uid] = true
		default:
			return
		}
		p.add(Op{Kind: OpRelease, UID: v.uid, Variant: v.vari, Name: v.name})
	})
	p.ops = slices.DeleteFunc(p.ops, func(o Op) bool { return wanted[o.UID] && o.Kind == OpAgree && !o.Status.HasFile() })
	SortOps(p.ops)
	return p.ops, putOff
}
