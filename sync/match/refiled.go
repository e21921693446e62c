package match

import (
	"slices"

	"mailsync/state"
)

// A program that moves a file to another Maildir, or only marks it as read, may give it a name of its own, as mu4e
// does if it is told to. Then nothing in the name says whose message it is; its bytes do. Taken for new
// mail it would be sent a second time, with its keyword letters read as those of the new place.

// Lost is a message whose file is nowhere, and what its bytes were.
type Lost struct {
	Side  int
	Rec   state.Record
	Proof state.Proof
}

// Unnamed is a file that carries nobody's token, and what its bytes are.
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
			f := Lying{In: u.Side, Name: u.File.Name, Of: TokenOf(l.Side, l.Rec), Flags: u.File.Flags, Letters: u.File.Letters, Silent: u.File.Silent, NewName: true}
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
