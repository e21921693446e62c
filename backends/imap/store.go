package imap

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// Store adds and removes flags with +FLAGS and -FLAGS, never with a replacing FLAGS, and
// returns what the server echoed. A flag that the mailbox does not keep (PERMANENTFLAGS, or
// it is read-only) is not sent, and denied; so is one that the server refuses by itself. The
// flags of a message without an echo are asked for, unless its command failed. With req.Since,
// where the mailbox has MODSEQs, a message that changed after it is left as it is, and its flags
// are asked for. On an error the echoes so far are returned with it.
func (a *Account) Store(ctx context.Context, req state.StoreRequest) (state.Stored, error) {
	if len(req.Changes) == 0 {
		return state.Stored{}, nil
	}
	st := newStoring(req.Keywords, nil)
	for _, ch := range req.Changes {
		st.wanted[ch.UID] = true
	}
	err := a.changeFlags(ctx, req.Raw, func(s *session) error {
		at, err := s.openAs(ctx, req.Raw, req.UIDValidity, false)
		if err != nil {
			return err
		}
		st.since = 0
		if at.mark.ModSeq > 0 { // with CONDSTORE
			st.since = req.Since
		}
		return inMailbox(req.Raw, "store flags in", st.run(ctx, at, req.Changes))
	})
	return state.Stored{Echoed: st.echoes(), Denied: st.denied, Why: st.why}, err
}

// storing is a Store under way.
type storing struct {
	at      *opened // where what is asked for is selected for it; nil: by others
	last    bool    // nothing more is to be sent, as far as is known
	left    bool    // another mailbox was opened behind what was sent
	crossed bool    // answers changed places
	kw      *state.Keywords
	flags   flagReader
	wanted  map[state.UID]bool
	echo    map[state.UID]state.Flags
	denied  state.Flags // of the flags: those that the mailbox does not let this user change
	why     error

	since   uint64 // what changed after it is not touched; 0: nothing
	changed map[state.UID]bool
	newer   map[state.UID]bool // changed after since
}

// newStoring takes the echoes of these messages.
func newStoring(kw *state.Keywords, uids []state.UID) *storing {
	st := &storing{kw: kw, flags: flagReader{kw: kw}, wanted: map[state.UID]bool{}, echo: map[state.UID]state.Flags{}}
	for _, uid := range uids {
		st.wanted[uid] = true
	}
	return st
}

// batch is one change that many messages share.
type batch struct {
	change
	uids    []state.UID
	refusal error // where the server does not take it
}

type change struct {
	sign  string // "+" or "-"
	flags state.Flags
}

// run sends one command for each different change. One that is refused does not stop
// the others, and is tried flag by flag, for it may be one of them that the server does not take.
func (st *storing) run(ctx context.Context, at *opened, changes []state.FlagChange) error {
	s := at.s
	st.at = at
	batches, ask := st.batches(at, changes)
	st.changed, st.newer = map[state.UID]bool{}, map[state.UID]bool{}
	var errs []error
	var refused []batch
	for len(batches) > 0 {
		group := batches[:disjoint(batches)]
		batches = batches[len(group):]
		st.last = len(batches) == 0
		for i, err := range st.store(ctx, s, group) {
			b := group[i]
			switch r, is := asRefusal(err); {
			case err == nil:
			case !is || !r.denies(b.flags):
				errs = append(errs, err)
				continue
			case bits.OnesCount64(uint64(b.flags)) > 1:
				batches = append(batches, b.split()...)
				continue
			default:
				b.refusal = err
				refused = append(refused, b)
			}
			ask = append(ask, b.uids...)
		}
		if s.broken.Load() {
			if st.left {
				s.a.server.inTurn.Store(true) // it may be the next mailbox that breaks it
			}
			return errors.Join(errs...)
		}
	}
	// Servers echo nothing where a message had the flags already.
	if ask = slices.DeleteFunc(ask, func(uid state.UID) bool { return !st.isSilent(uid) }); len(ask) > 0 {
		errs = append(errs, st.send(ctx, s, "UID FETCH ", ask, " (UID FLAGS)"))
	}
	return errors.Join(append(errs, st.deny(refused)...)...)
}

// split makes a batch of each of its flags.
func (b batch) split() (all []batch) {
	for left := b.flags; left != 0; left &= left - 1 {
		all = append(all, batch{change: change{b.sign, left & -left}, uids: slices.Clone(b.uids)})
	}
	return all
}

// deny takes what was refused for flags that this user cannot change, where all of its
// messages are there: servers also refuse what is about one that is not (RFC 2180 section 4.2).
func (st *storing) deny(refused []batch) (errs []error) {
	for _, b := range refused {
		if slices.ContainsFunc(b.uids, st.isSilent) {
			errs = append(errs, b.refusal)
			continue
		}
		st.denied |= b.flags
		if r, is := asRefusal(b.refusal); is {
			st.why = r
		}
	}
	return errs
}

// isSilent reports whether nothing was echoed of a message.
func (st *storing) isSilent(uid state.UID) bool {
	_, echoed := st.echo[uid]
	return !echoed
}

// disjoint is how many of the batches, from the first one on, are about different messages, so that none of them has to wait for another.
func disjoint(batches []batch) int {
	about := map[state.UID]bool{}
	for n, b := range batches {
		if slices.ContainsFunc(b.uids, func(uid state.UID) bool { return about[uid] }) {
			return n
		}
		for _, uid := range b.uids {
			about[uid] = true
		}
	}
	return len(batches)
}

// store sends changes of different messages at once, and returns the error of each. What this Store has changed already has a new
// MODSEQ by that.
func (st *storing) store(ctx context.Context, s *session, group []batch) []error {
	errs := make([]error, len(group))
	var orders []order
	var of []int // the batch that each is for
	put := func(i int, uids []state.UID, after string) {
		if len(uids) > 0 {
			orders, of = append(orders, order{"UID STORE ", uids, after}), append(of, i)
		}
	}
	firsts := make([][]state.UID, len(group))
	for i, b := range group {
		change := st.command(b)
		if st.since == 0 {
			put(i, b.uids, " "+change)
			continue
		}
		var again []state.UID
		for _, uid := range b.uids {
			switch {
			case st.changed[uid]:
				again = append(again, uid)
			case !st.newer[uid]:
				firsts[i] = append(firsts[i], uid)
			}
		}
		put(i, firsts[i], fmt.Sprintf(" (UNCHANGEDSINCE %d) %s", st.since, change))
		put(i, again, " "+change)
	}
	for k, err := range st.sendAll(ctx, s, orders) {
		if i := of[k]; errs[i] == nil {
			errs[i] = err
		}
	}
	for i, first := range firsts {
		for _, uid := range first {
			st.changed[uid] = errs[i] == nil && !st.newer[uid]
		}
	}
	return errs
}

// command spells a change: "+FLAGS (\Seen)".
func (st *storing) command(b batch) string {
	return b.sign + "FLAGS (" + strings.Join(st.kw.NamesOf(b.flags), " ") + ")"
}

// answered is what the answer to a command about messages means.
func (st *storing) answered(uids []state.UID, ok wire.Answer, err error) error {
	switch r, refused := asRefusal(err); {
	case refused && r.hasCode("MODIFIED"):
		ok.Code, err = r.code, nil // of the others, some are not there any more
	case refused && r.hasCode("LIMIT"):
		err = r.lasting() // of keywords in a mailbox (RFC 5530 section 3)
	}
	if err == nil {
		st.modified(ok.Code, uids)
	}
	return err
}

// modified takes MODIFIED set (RFC 7162 section 3.1.3): what was left alone.
func (st *storing) modified(code string, uids []state.UID) {
	name, set, _ := strings.Cut(code, " ")
	if !strings.EqualFold(name, "MODIFIED") {
		return
	}
	var newer ranges
	if !newer.addSet(set) {
		newer = ranges{{First: 1, Last: math.MaxUint32}} // it may be any of them
	}
	newer.sort()
	for _, uid := range uids {
		if newer.has(uid) {
			st.newer[uid] = true
		}
	}
}

// batches groups the changes. unsent are the messages for which no flag can be sent.
func (st *storing) batches(at *opened, changes []state.FlagChange) (all []batch, unsent []state.UID) {
	index := map[change]int{}
	put := func(c change, uid state.UID) {
		if c.flags == 0 {
			return
		}
		i, ok := index[c]
		if !ok {
			i = len(all)
			index[c] = i
			all = append(all, batch{change: c})
		}
		all[i].uids = append(all[i].uids, uid)
	}
	for _, ch := range changes {
		add, remove := st.sendable(at, ch.Add), st.sendable(at, ch.Remove&^ch.Add)
		put(change{"+", add}, ch.UID)
		put(change{"-", remove}, ch.UID)
		if add|remove == 0 {
			unsent = append(unsent, ch.UID)
		}
	}
	return all, unsent
}

// sendable are those of the flags that the mailbox keeps and a command can carry. Those that it
// does not keep are denied.
func (st *storing) sendable(at *opened, f state.Flags) (sent state.Flags) {
	for ; f != 0; f &= f - 1 {
		flag := f & -f
		for _, name := range st.kw.NamesOf(flag) {
			switch {
			case !at.permits(name):
				st.denied |= flag
			case isFlagName(name):
				sent |= flag
			}
		}
	}
	return sent
}

// isFlagName reports whether a flag is an atom (RFC 9051 section 9, flag).
func isFlagName(n string) bool {
	return grammar.IsAtom(strings.TrimPrefix(n, `\`))
}

// take takes one answer: the echo of our change, or that of another client.
func (st *storing) take(l wire.Line) error {
	c := l.Scan()
	if !isFetch(&c) {
		return nil
	}
	f, ok := readFetch(&c)
	uid := state.UID(fit32(f.uid))
	if ok && f.hasFlags && st.wanted[uid] {
		st.echo[uid] = st.flags.read(f.flags)
	}
	return nil
}

func (st *storing) echoes() []state.OnServer {
	out := make([]state.OnServer, 0, len(st.echo))
	for uid, f := range st.echo {
		out = append(out, state.OnServer{UID: uid, Flags: f, Size: -1, Date: state.NoDate})
	}
	slices.SortFunc(out, inOrder)
	return out
}
