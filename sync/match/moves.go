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
	Gone  map[state.UID]Asked // of messages that went on the server
	New   map[state.UID]Asked // of messages that came
}

// Asked is what was asked about a message: its ids, and where only they distinguish it
// from others, the digest of its bytes.
type Asked struct {
	state.Ident
	Digest [state.DigestSize]byte // zero: not asked
}

// Move is a message that went in one mailbox and came in another.
type Move struct {
	From, To int       // places in the list of sides
	UID      state.UID // in From
	NewUID   state.UID // in To; 0: it was moved on disk, and is in From on the server
	Sure     bool      // the server reports that it is the same message, or the file has its identity
	In       int       // the side that has its file
	Name     string    // of the file; "": it has its new identity already
	File     Located
}

// Located is a file and where it is.
type Located struct {
	In      int
	Name    string
	Of      Token       // its identity
	Flags   state.Flags // by its name, as if its letters were of the Maildir that it is in
	Letters string      // of keywords, where it is in another Maildir than its token's
	Silent  bool        // as in state.OnDisk
	NewName bool        // another program gave it a name of its own, without what it does not know
}

// Token is an identity in the account, with the side in place of its token.
type Token struct {
	Side    int
	UID     state.UID
	Variant uint8
}

// ContentOf is what a record has of a message's content.
func ContentOf(r state.Record) Content { return BySizeAndDate(r.Size, r.Date, "") }

// account is the sides with their files by token.
type account struct {
	sides     []Side
	here      map[Token]Located   // in their own Maildirs
	Elsewhere map[Token][]Located // in others
}

// NewAccount finds the files of all sides by their identities: those that somebody put elsewhere, and in
// their own Maildirs those of sides of which a message went. Of sides to which one came, if one went anywhere.
func NewAccount(sides []Side) *account {
	a := &account{sides: sides, here: map[Token]Located{}, Elsewhere: map[Token][]Located{}}
	of := map[string]int{}
	wanted, came := map[int]bool{}, map[int]bool{}
	went := false
	for i, s := range sides {
		if s.Token != "" {
			of[s.Token] = i
		}
	}
	for i, s := range sides {
		if !s.DiskScanned() {
			continue
		}
		for _, f := range s.Disk.Foreign {
			if j, known := of[f.Token]; known && j != i {
				id := Token{j, f.UID, max(1, f.Variant)}
				a.Elsewhere[id] = append(a.Elsewhere[id], Located{In: i, Name: f.Name, Of: id, Flags: f.Flags, Letters: f.Letters, Silent: f.Silent})
				wanted[j] = true
			}
		}
		for _, r := range s.Base {
			switch r.Status {
			case state.Gone:
				wanted[i], went = true, true
			case state.Outstanding:
				came[i] = true
			}
		}
	}
	for i, s := range sides {
		if !wanted[i] && !(went && came[i]) || !s.DiskScanned() {
			continue
		}
		for _, f := range s.Disk.Messages {
			id := Token{i, f.UID, f.Variant}
			if _, twice := a.here[id]; !twice {
				a.here[id] = Located{In: i, Name: s.Disk.NameAt(f.Name), Of: id, Flags: f.Flags, Silent: f.Silent}
			}
		}
	}
	return a
}

// TokenOf is the identity of a record's file.
func TokenOf(side int, r state.Record) Token { return Token{side, r.UID, max(1, r.Variant)} }

// gone calls f with every message that went on the server, and its file, where it should be or where somebody
// put it; a nameless one where there is none.
func (a *account) gone(f func(side int, r state.Record, file Located)) {
	for i, s := range a.sides {
		for _, r := range s.Base {
			if r.Status != state.Gone {
				continue
			}
			id := TokenOf(i, r)
			file, here := a.here[id]
			if all := a.Elsewhere[id]; !here && len(all) > 0 {
				file = all[0]
			}
			f(i, r, file)
		}
	}
}

// Candidates names the messages that have to be asked about before Moves can decide: those
// that went, and those that came with the size and date of one of them, each with its file
// where it has one. anyDate: the server has ids, which count whatever the date.
func Candidates(sides []Side, anyDate bool) (went, came []map[state.UID]Located) {
	for range sides {
		went, came = append(went, map[state.UID]Located{}), append(came, map[state.UID]Located{})
	}
	a := NewAccount(sides)
	left := map[Content]bool{}
	a.gone(func(i int, r state.Record, file Located) {
		left[ContentOf(r)] = true
		went[i][r.UID] = file
	})
	if len(left) == 0 {
		return went, came
	}
	arrived := map[Content]bool{}
	for i, s := range sides {
		for _, r := range s.Base {
			if r.Status == state.Outstanding && (anyDate || left[ContentOf(r)]) {
				arrived[ContentOf(r)] = true
				came[i][r.UID] = a.here[TokenOf(i, r)]
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

// Moves finds what went in one mailbox and came in another. A file in another Maildir than
// its token's was moved by the user; a message that went on the server and came again,
// with the same id, or the same size, date and Message-ID, was moved there. Each is used
// once, and equal ones pair in the order of their UIDs. It is a pure function.
func Moves(sides []Side) []Move {
	a := NewAccount(sides)
	moves := a.onServer()
	for i, s := range sides {
		if !s.DiskScanned() || !s.Disk.Complete {
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
func (a *account) onServer() []Move {
	p := &pairing{byID: map[string][]int{}, carried: map[[state.DigestSize]byte][]int{}}
	for i, s := range a.sides {
		for _, r := range s.Base {
			if id, asked := s.New[r.UID]; asked && r.Status == state.Outstanding {
				p.arrival(i, r, id)
			}
		}
	}
	a.gone(func(i int, r state.Record, file Located) {
		id, known := a.sides[i].Gone[r.UID]
		switch {
		case !known:
		case file.Name == "":
			p.fileless(i, r, id)
		default:
			p.departure(i, r, id, file)
		}
	})
	p.byContent()
	slices.SortFunc(p.moves, func(x, y Move) int {
		return cmp.Or(cmp.Compare(x.From, y.From), cmp.Compare(x.UID, y.UID))
	})
	return p.moves
}

// pairing pairs what went with what came.
type pairing struct {
	moves      []Move                           // what was paired
	came       []Move                           // what is known of each that came: To, NewUID
	sought     []Sought                         // of the same; one that is spoken for has Size -1
	byID       map[string][]int                 // places among them, by what the server calls one message
	carried    map[[state.DigestSize]byte][]int // of those that have their files already, from a run that was interrupted
	went       []Move                           // what went and has no id: From, UID, In, Name, File
	candidates []Candidate                      // of the same
}

// arrival notes a message that came to a mailbox.
func (p *pairing) arrival(to int, r state.Record, id Asked) {
	if id.EmailID != "" {
		p.byID[id.EmailID] = append(p.byID[id.EmailID], len(p.came))
	}
	if id.Digest != [state.DigestSize]byte{} {
		p.carried[id.Digest] = append(p.carried[id.Digest], len(p.came))
	}
	p.came = append(p.came, Move{To: to, NewUID: r.UID})
	p.sought = append(p.sought, Sought{UID: r.UID, Size: r.Size, Date: r.Date, MessageID: id.MessageID})
}

// open reports whether a message that came may be one that went from a mailbox.
func (p *pairing) open(c, from int) bool { return p.came[c].To != from && p.sought[c].Size >= 0 }

// pair makes a move of what went and what came.
func (p *pairing) pair(m Move, c int) {
	m.To, m.NewUID = p.came[c].To, p.came[c].NewUID
	p.moves = append(p.moves, m)
	p.sought[c].Size = -1
}

// fileless pairs a message whose file is with the new one already.
func (p *pairing) fileless(from int, r state.Record, id Asked) {
	to := p.carried[id.Digest]
	if n := slices.IndexFunc(to, func(c int) bool { return p.open(c, from) }); n >= 0 {
		p.pair(Move{From: from, UID: r.UID, In: p.came[to[n]].To}, to[n])
	}
}

// departure pairs a message that went by its id, or leaves it to what it looks like.
func (p *pairing) departure(from int, r state.Record, id Asked, file Located) {
	m := Move{From: from, UID: r.UID, In: file.In, Name: file.Name, File: file}
	same := p.byID[id.EmailID]
	// The same message has the same size: an id of another size is not trusted.
	n := slices.IndexFunc(same, func(c int) bool { return p.open(c, from) && (r.Size < 0 || p.sought[c].Size == r.Size) })
	switch {
	case n >= 0:
		m.Sure = true
		p.pair(m, same[n])
		p.byID[id.EmailID] = slices.Delete(same, n, n+1)
	case id.EmailID != "" && len(p.byID) > 0: // the server has ids, and none is this one
	default:
		p.went = append(p.went, m)
		p.candidates = append(p.candidates, Candidate{Size: r.Size, Date: r.Date, MessageID: id.MessageID})
	}
}

// byContent pairs what is left by size, date and Message-ID.
func (p *pairing) byContent() {
	var free []Sought
	var places []int
	for c, s := range p.sought {
		if s.Size >= 0 {
			free, places = append(free, s), append(places, c)
		}
	}
	for i, n := range Tie(free, p.candidates, false) {
		if n >= 0 && free[i].Size == p.candidates[n].Size && p.went[n].From != p.came[places[i]].To {
			p.pair(p.went[n], places[i])
		}
	}
}

// Copies finds files with a token of another mailbox that were not moved: the
// original is still there, or the server does not have the message any more. To the server they are new.
func Copies(sides []Side, moves []Move) (found []Located) {
	a := NewAccount(sides)
	moved := map[Located]bool{}
	for _, m := range moves {
		moved[m.File] = true
	}
	for id, all := range a.Elsewhere {
		s := sides[id.Side]
		if !s.DiskScanned() || !s.Disk.Complete || s.archived(id.UID) {
			continue // it is not known whether the original is there, or it left the server on purpose
		}
		for _, f := range all {
			if !moved[f] {
				found = append(found, f)
			}
		}
	}
	slices.SortFunc(found, func(x, y Located) int {
		return cmp.Or(cmp.Compare(x.In, y.In), cmp.Compare(x.Name, y.Name))
	})
	return found
}

func (s Side) archived(uid state.UID) bool {
	i, known := plan.PlaceOf(s.Base, uid)
	return known && (s.Base[i].Status == state.Archived || s.Base[i].Status == state.Released)
}

// A program that moves a file to another Maildir, or only marks it as read, may give it a name of its own, as mu4e
// does if so configured. Then only its bytes show which message it is. Taken for new
// mail it would be sent a second time, with its keyword letters read as those of the new place.

// Lost is a message that has no file any more, and what its bytes were.
type Lost struct {
	Side  int
	Rec   state.Record
	Proof state.Proof
}

// Unnamed is a file without a token, and what its bytes are.
type Unnamed struct {
	Side int
	File state.Foreign
	Got  state.Received
}

// Refile pairs messages whose files are gone with files of the same bytes, each used once: those of the
// same Maildir first, which only have another name now, then those that were moved. It is a pure function.
func Refile(gone []Lost, files []Unnamed) (renamed []Regained, moves []Move) {
	type bytes struct {
		digest [state.DigestSize]byte
		octets int64
	}
	with := map[bytes][]int{} // places in gone
	for i, l := range gone {
		k := bytes{l.Proof.Digest, l.Proof.Bytes}
		with[k] = append(with[k], i)
	}
	taken := make([]bool, len(files))
	for _, same := range []bool{true, false} {
		for n, u := range files {
			k := bytes{u.Got.Digest, u.Got.Bytes}
			at := slices.IndexFunc(with[k], func(i int) bool { return (gone[i].Side == u.Side) == same })
			if taken[n] || at < 0 {
				continue
			}
			l := gone[with[k][at]]
			with[k], taken[n] = slices.Delete(with[k], at, at+1), true
			if same {
				renamed = append(renamed, Regained{l, u})
				continue
			}
			f := Located{In: u.Side, Name: u.File.Name, Of: TokenOf(l.Side, l.Rec), Flags: u.File.Flags, Letters: u.File.Letters, Silent: u.File.Silent, NewName: true}
			moves = append(moves, Move{From: l.Side, To: u.Side, UID: l.Rec.UID, Sure: true, In: u.Side, Name: u.File.Name, File: f})
		}
	}
	return renamed, moves
}

// Regained is a file that gets the identity back which another program took from its name.
type Regained struct {
	Of   Lost
	File Unnamed
}
