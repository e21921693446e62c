package match

import (
	"cmp"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
)

// Side is what Moves looks at of one mailbox: its three states after Learn, the token of
// its files, and what was asked about those that Candidates named.
type Side struct {
	plan.World
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
	File     Lying
}

// Lying is a file and where it lies.
type Lying struct {
	In      int
	Name    string
	Of      Token       // its identity
	Flags   state.Flags // by its name, as if its letters were of the Maildir that it lies in
	Letters string      // of keywords, where it lies in another Maildir than its token's
	Silent  bool        // as in state.OnDisk
	NewName bool        // another program gave it a name of its own, without what it does not know
}

// Token is an identity in the account: a side stands for its token.
type Token struct {
	Side    int
	Uid     state.UID
	Variant uint8
}

func ContentOf(r state.Record) Content { return BySizeAndDate(r.Size, r.Date, "") }

// account is the sides with their files by token.
type account struct {
	sides     []Side
	here      map[Token]Lying   // in their own Maildirs
	Elsewhere map[Token][]Lying // in others
}

func NewAccount(sides []Side) *account {
	a := &account{sides: sides, here: map[Token]Lying{}, Elsewhere: map[Token][]Lying{}}
	of := map[string]int{}
	wanted := map[int]bool{}
	for i, s := range sides {
		if s.Token != "" {
			of[s.Token] = i
		}
	}
	for i, s := range sides {
		if !s.DiskSaid() {
			continue
		}
		for _, f := range s.Disk.Foreign {
			if j, known := of[f.Token]; known && j != i {
				id := Token{j, f.UID, max(1, f.Variant)}
				a.Elsewhere[id] = append(a.Elsewhere[id], Lying{In: i, Name: f.Name, Of: id, Flags: f.Flags, Letters: f.Letters, Silent: f.Silent})
				wanted[j] = true
			}
		}
		for _, r := range s.Base {
			wanted[i] = wanted[i] || r.Status == state.Gone || r.Status == state.Outstanding
		}
	}
	for i, s := range sides {
		if !wanted[i] || !s.DiskSaid() {
			continue
		}
		for _, f := range s.Disk.Messages {
			id := Token{i, f.UID, f.Variant}
			if _, twice := a.here[id]; !twice {
				a.here[id] = Lying{In: i, Name: s.Disk.NameAt(f.Name), Of: id, Flags: f.Flags, Silent: f.Silent}
			}
		}
	}
	return a
}

func TokenOf(side int, r state.Record) Token { return Token{side, r.UID, max(1, r.Variant)} }

// file finds where the file of a message lies: where it should, or where somebody put it.
func (a *account) file(id Token) (Lying, bool) {
	if f, ok := a.here[id]; ok {
		return f, true
	}
	if all := a.Elsewhere[id]; len(all) > 0 {
		return all[0], true
	}
	return Lying{}, false
}

// gone calls f with every message that went on the server, and its file, a nameless one
// where there is none.
func (a *account) gone(f func(side int, r state.Record, file Lying)) {
	for i, s := range a.sides {
		for _, r := range s.Base {
			if r.Status == state.Gone {
				file, _ := a.file(TokenOf(i, r))
				f(i, r, file)
			}
		}
	}
}

// Candidates names the messages that have to be asked about before Moves can tell: those
// that went, and those that came with the size and date of one of them, each with its file
// where it has one. anyDate says that ids are to be had, which count whatever the date.
func Candidates(sides []Side, anyDate bool) (went, came []map[state.UID]Lying) {
	went, came = make([]map[state.UID]Lying, len(sides)), make([]map[state.UID]Lying, len(sides))
	a := NewAccount(sides)
	left := map[Content]bool{}
	a.gone(func(i int, r state.Record, file Lying) {
		left[ContentOf(r)] = true
		put(went, i, r.UID, file)
	})
	if len(left) == 0 {
		return went, came
	}
	arrived := map[Content]bool{}
	for i, s := range sides {
		for _, r := range s.Base {
			if r.Status == state.Outstanding && (anyDate || left[ContentOf(r)]) {
				arrived[ContentOf(r)] = true
				put(came, i, r.UID, a.here[TokenOf(i, r)])
			}
		}
	}
	if anyDate {
		return went, came
	}
	for i, s := range sides {
		for _, r := range s.Base {
			if !arrived[ContentOf(r)] {
				delete(went[i], r.UID)
			}
		}
	}
	return went, came
}

func put(in []map[state.UID]Lying, i int, uid state.UID, f Lying) {
	if in[i] == nil {
		in[i] = map[state.UID]Lying{}
	}
	in[i][uid] = f
}

// Moves finds what went in one mailbox and came in another. A file in another Maildir than
// its token's was moved by the user; a message that went on the server and came again,
// with the same id, or the same size, date and Message-ID, was moved there. Each is used
// once, and equal ones pair in the order of their UIDs. It is a pure function.
func Moves(sides []Side) []Move {
	a := NewAccount(sides)
	moves := a.onServer()
	for i, s := range sides {
		if !s.DiskSaid() || !s.Disk.Complete {
			continue
		}
		for _, r := range s.Base {
			id := TokenOf(i, r)
			if _, there := a.here[id]; there || !r.Status.OnServer() || r.Status == state.Released {
				continue
			}
			if all := a.Elsewhere[id]; len(all) > 0 {
				f := all[0]
				moves = append(moves, Move{From: i, To: f.In, UID: r.UID, Sure: true, In: f.In, Name: f.Name, File: f})
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
	a.gone(func(i int, r state.Record, file Lying) {
		id, known := a.sides[i].Went[r.UID]
		if !known {
			return
		}
		if file.Name == "" {
			to := carried[id.Digest]
			if n := slices.IndexFunc(to, func(c int) bool { return came[c].To != i && sought[c].Size >= 0 }); n >= 0 {
				c := came[to[n]]
				moves = append(moves, Move{From: i, UID: r.UID, To: c.To, NewUID: c.NewUID, In: c.To})
				sought[to[n]].Size = -1 // it is spoken for
			}
			return
		}
		m := Move{From: i, UID: r.UID, In: file.In, Name: file.Name, File: file}
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
func Copies(sides []Side, moves []Move) (found []Lying) {
	a := NewAccount(sides)
	moved := map[Lying]bool{}
	for _, m := range moves {
		moved[m.File] = true
	}
	for id, all := range a.Elsewhere {
		s := sides[id.Side]
		if !s.DiskSaid() || !s.Disk.Complete || s.archived(id.Uid) {
			continue // whether the original is there is not known, or it left the server on purpose
		}
		for _, f := range all {
			if !moved[f] {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(x, y Lying) int {
		return cmp.Or(cmp.Compare(x.In, y.In), cmp.Compare(x.Name, y.Name))
	})
	return found
}

func (s Side) archived(uid state.UID) bool {
	i, known := plan.PlaceOf(s.Base, uid)
	return known && (s.Base[i].Status == state.Archived || s.Base[i].Status == state.Released)
}
