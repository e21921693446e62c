package sync

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// Side is what Moves looks at of one mailbox: its three states after Learn, the token of
// its files, and what was asked about those that Candidates named.
type Side struct {
	World
	Token string
	Went  map[state.UID]Told // of messages that went on the server
	Came  map[state.UID]Told // of messages that came
}

// Told is what was asked about a message: its ids, and where it needs them to be told
// from others, the digest of its bytes.
type Told struct {
	state.Ident
	Digest [state.DigestSize]byte // zero: not asked
}

// Move is a message that went in one mailbox and came in another.
type Move struct {
	From, To int       // places in the list of sides
	UID      state.UID // in From
	NewUID   state.UID // in To; 0: it was moved on disk, and is in From on the server
	Sure     bool      // the server says that it is the same message, or the file has its identity
	In       int       // the side in whose Maildir its file lies
	Name     string    // of the file; "": it has its new identity already
	file     lying
}

// lying is a file and where it lies.
type lying struct {
	in      int
	name    string
	of      token       // its identity
	flags   state.Flags // by its name, as if its letters were of the Maildir that it lies in
	letters string      // of keywords, where it lies in another Maildir than its token's
	silent  bool        // as in state.OnDisk
	newName bool        // another program gave it a name of its own, without what it does not know
}

// token is an identity in the account: a side stands for its token.
type token struct {
	side    int
	uid     state.UID
	variant uint8
}

func contentOf(r state.Record) content { return bySizeAndDate(r.Size, r.Date, "") }

// account is the sides with their files by token.
type account struct {
	sides     []Side
	here      map[token]lying   // in their own Maildirs
	elsewhere map[token][]lying // in others
}

func newAccount(sides []Side) *account {
	a := &account{sides: sides, here: map[token]lying{}, elsewhere: map[token][]lying{}}
	of := map[string]int{}
	wanted := map[int]bool{}
	for i, s := range sides {
		if s.Token != "" {
			of[s.Token] = i
		}
	}
	for i, s := range sides {
		if !s.diskSaid() {
			continue
		}
		for _, f := range s.Disk.Foreign {
			if j, known := of[f.Token]; known && j != i {
				id := token{j, f.UID, max(1, f.Variant)}
				a.elsewhere[id] = append(a.elsewhere[id], lying{in: i, name: f.Name, of: id, flags: f.Flags, letters: f.Letters, silent: f.Silent})
				wanted[j] = true
			}
		}
		for _, r := range s.Base {
			wanted[i] = wanted[i] || r.Status == state.Gone || r.Status == state.Outstanding
		}
	}
	for i, s := range sides {
		if !wanted[i] || !s.diskSaid() {
			continue
		}
		for _, f := range s.Disk.Messages {
			id := token{i, f.UID, f.Variant}
			if _, twice := a.here[id]; !twice {
				a.here[id] = lying{in: i, name: s.Disk.NameAt(f.Name), of: id, flags: f.Flags, silent: f.Silent}
			}
		}
	}
	return a
}

func tokenOf(side int, r state.Record) token { return token{side, r.UID, max(1, r.Variant)} }

// file finds where the file of a message lies: where it should, or where somebody put it.
func (a *account) file(id token) (lying, bool) {
	if f, ok := a.here[id]; ok {
		return f, true
	}
	if all := a.elsewhere[id]; len(all) > 0 {
		return all[0], true
	}
	return lying{}, false
}

// gone calls f with every message that went on the server, and its file, a nameless one
// where there is none.
func (a *account) gone(f func(side int, r state.Record, file lying)) {
	for i, s := range a.sides {
		for _, r := range s.Base {
			if r.Status == state.Gone {
				file, _ := a.file(tokenOf(i, r))
				f(i, r, file)
			}
		}
	}
}

// Candidates names the messages that have to be asked about before Moves can tell: those
// that went, and those that came with the size and date of one of them, each with its file
// where it has one. anyDate says that ids are to be had, which count whatever the date.
func Candidates(sides []Side, anyDate bool) (went, came []map[state.UID]lying) {
	went, came = make([]map[state.UID]lying, len(sides)), make([]map[state.UID]lying, len(sides))
	a := newAccount(sides)
	left := map[content]bool{}
	a.gone(func(i int, r state.Record, file lying) {
		left[contentOf(r)] = true
		put(went, i, r.UID, file)
	})
	if len(left) == 0 {
		return went, came
	}
	arrived := map[content]bool{}
	for i, s := range sides {
		for _, r := range s.Base {
			if r.Status == state.Outstanding && (anyDate || left[contentOf(r)]) {
				arrived[contentOf(r)] = true
				put(came, i, r.UID, a.here[tokenOf(i, r)])
			}
		}
	}
	if anyDate {
		return went, came
	}
	for i, s := range sides {
		for _, r := range s.Base {
			if !arrived[contentOf(r)] {
				delete(went[i], r.UID)
			}
		}
	}
	return went, came
}

func put(in []map[state.UID]lying, i int, uid state.UID, f lying) {
	if in[i] == nil {
		in[i] = map[state.UID]lying{}
	}
	in[i][uid] = f
}

// Moves finds what went in one mailbox and came in another. A file in another Maildir than
// its token's was moved by the user; a message that went on the server and came again,
// with the same id, or the same size, date and Message-ID, was moved there. Each is used
// once, and equal ones pair in the order of their UIDs. It is a pure function.
func Moves(sides []Side) []Move {
	a := newAccount(sides)
	moves := a.onServer()
	for i, s := range sides {
		if !s.diskSaid() || !s.Disk.Complete {
			continue
		}
		for _, r := range s.Base {
			id := tokenOf(i, r)
			if _, there := a.here[id]; there || !r.Status.OnServer() || r.Status == state.Released {
				continue
			}
			if all := a.elsewhere[id]; len(all) > 0 {
				f := all[0]
				moves = append(moves, Move{From: i, To: f.in, UID: r.UID, Sure: true, In: f.in, Name: f.name, file: f})
			}
		}
	}
	return moves
}

// onServer pairs what went on the server with what came, by ids first.
func (a *account) onServer() (moves []Move) {
	var came []Move // what is known of each: To, NewUID
	var sought []Sought
	byID := map[string][]int{}
	carried := map[[state.DigestSize]byte][]int{} // those that have their files already, from a run that broke off
	for i, s := range a.sides {
		for _, r := range s.Base {
			id, asked := s.Came[r.UID]
			if !asked || r.Status != state.Outstanding {
				continue
			}
			if id.EmailID != "" {
				byID[id.EmailID] = append(byID[id.EmailID], len(came))
			}
			if id.Digest != [state.DigestSize]byte{} {
				carried[id.Digest] = append(carried[id.Digest], len(came))
			}
			came = append(came, Move{To: i, NewUID: r.UID})
			sought = append(sought, Sought{UID: r.UID, Size: r.Size, Date: r.Date, MessageID: id.MessageID})
		}
	}
	var went []Move // From, UID, In, Name, file
	var spares []Spare
	a.gone(func(i int, r state.Record, file lying) {
		id, known := a.sides[i].Went[r.UID]
		if !known {
			return
		}
		if file.name == "" {
			to := carried[id.Digest]
			if n := slices.IndexFunc(to, func(c int) bool { return came[c].To != i && sought[c].Size >= 0 }); n >= 0 {
				c := came[to[n]]
				moves = append(moves, Move{From: i, UID: r.UID, To: c.To, NewUID: c.NewUID, In: c.To})
				sought[to[n]].Size = -1 // it is spoken for
			}
			return
		}
		m := Move{From: i, UID: r.UID, In: file.in, Name: file.name, file: file}
		same := byID[id.EmailID]
		// The same message has the same size: an id that says otherwise is not believed.
		fits := func(c int) bool {
			return came[c].To != i && sought[c].Size >= 0 && (r.Size < 0 || sought[c].Size == r.Size)
		}
		if n := slices.IndexFunc(same, fits); n >= 0 {
			c := same[n]
			m.To, m.NewUID, m.Sure = came[c].To, came[c].NewUID, true
			sought[c].Size, byID[id.EmailID] = -1, slices.Delete(same, n, n+1) // it is spoken for
			moves = append(moves, m)
			return
		}
		if id.EmailID != "" && len(byID) > 0 {
			return // the server has ids, and none is this one
		}
		went = append(went, m)
		spares = append(spares, Spare{Size: r.Size, Date: r.Date, MessageID: id.MessageID})
	})
	var free []Sought
	var to []Move
	for i, m := range sought {
		if m.Size >= 0 {
			free, to = append(free, m), append(to, came[i])
		}
	}
	for i, spare := range Tie(free, spares, false) {
		if spare < 0 || free[i].Size != spares[spare].Size || went[spare].From == to[i].To {
			continue
		}
		m := went[spare]
		m.To, m.NewUID = to[i].To, to[i].NewUID
		moves = append(moves, m)
	}
	slices.SortFunc(moves, func(x, y Move) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.UID, y.UID))
	})
	return moves
}

// Copies finds files with a token of another mailbox whose message is no move: the
// original is still there, or the server has it no more. To the server they are new.
func Copies(sides []Side, moves []Move) (found []lying) {
	a := newAccount(sides)
	moved := map[lying]bool{}
	for _, m := range moves {
		moved[m.file] = true
	}
	for id, all := range a.elsewhere {
		s := sides[id.side]
		if !s.diskSaid() || !s.Disk.Complete || s.archived(id.uid) {
			continue // whether the original is there is not known, or it left the server on purpose
		}
		for _, f := range all {
			if !moved[f] {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(x, y lying) int {
		return cmp.Or(cmp.Compare(x.in, y.in), cmp.Compare(x.name, y.name))
	})
	return found
}

func (s Side) archived(uid state.UID) bool {
	i, known := placeOf(s.Base, uid)
	return known && (s.Base[i].Status == state.Archived || s.Base[i].Status == state.Released)
}
