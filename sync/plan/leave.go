package plan

import (
	"slices"

	"mailsync/state"
)

// Leave adds to a plan what it takes to let messages go: leaving has their UIDs, and
// whether what is here has to be compared with the server's bytes first. With alone, the
// plan keeps only what concerns them, and what a run before had released, and fetches what
// of them is not here; it returns how many operations are put off for that. Without, only
// what the plan leaves here may go. Like Plan it is a pure function.
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
