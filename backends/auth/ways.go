package auth

import (
	"slices"
	"strings"
)

// Way is a way to log in with a password: a mechanism, or a command of the protocol's.
type Way struct {
	Name string
	// Shown means that the server gets the password itself. It can check that for every user, and a
	// proof only for those of whom it keeps what it takes.
	Shown bool
	Make  func() Mechanism // nil: a command of the protocol's
}

// Offer is what a server offers on a connection.
type Offer struct {
	Has     func(mechanism string) bool
	Safe    bool    // TLS hides what is sent
	Binding Binding // of the TLS connection
	Proof   string  // a command of the protocol's that proves the password (APOP), "" without
	Show    []Way   // commands of the protocol's that send it, and mechanisms that are tried though they are not announced
}

// Ways returns the ways to log in with a password that may be tried, the best first: those that prove
// the password, but where TLS hides it anyway only SCRAM, which makes the server prove that it knows it as
// well; then those that send it; then the others that prove it, for old servers.
func Ways(c Credentials, o Offer) (all []Way) {
	plusOffered := slices.ContainsFunc(scrams, func(name string) bool { return strings.HasSuffix(name, plus) && o.Has(name) })
	for _, name := range scrams {
		if o.Has(name) && (o.Binding.Kind != "" || !strings.HasSuffix(name, plus)) {
			all = append(all, Way{Name: name, Make: func() Mechanism { return newScram(name, c, o.Binding, plusOffered) }})
		}
	}
	var proofs []Way
	if o.Has(CRAMMD5) {
		proofs = append(proofs, Way{Name: CRAMMD5, Make: func() Mechanism { return &cram{c: c} }})
	}
	if o.Proof != "" {
		proofs = append(proofs, Way{Name: o.Proof})
	}
	var shown []Way
	if o.Has(Plain) {
		shown = append(shown, PlainWay(c))
	}
	shown = append(shown, o.Show...)
	if o.Has(Login) {
		shown = append(shown, Way{Name: "AUTH LOGIN", Shown: true, Make: func() Mechanism { return &login{c: c} }})
	}
	if o.Safe {
		return append(append(all, shown...), proofs...)
	}
	return append(append(all, proofs...), shown...)
}

// PlainWay is PLAIN.
func PlainWay(c Credentials) Way {
	return Way{Name: Plain, Shown: true, Make: func() Mechanism { return &plain{c: c} }}
}

// Outcome is what a refusal tells of a way.
type Outcome int

// What a refusal can mean.
const (
	NotTaken  Outcome = iota // the server does not take this way, or nothing was sent by which it could judge the password
	Doubted                  // the password was judged, and may be wrong
	Condemned                // nothing else may be tried
)

// Walk is a log-in in several ways. A password that is wrong counts as one failure more each time that it is
// sent, and servers lock out who has too many; but many servers announce SCRAM and CRAM-MD5 to all, and
// keep what these take of some users only. So a proof that was refused is followed by the password itself,
// once, and only as long as no proof ever worked. A bound proof is followed by the same one unbound, and not
// by the password: some servers get bindings wrong (Cyrus 3.6 with TLS 1.3), but it may be somebody in between.
type Walk struct {
	ways   []Way
	worked string // the name of the way that worked last, "" where none did
	second bool   // a proof was refused
}

// NewWalk begins with the way that worked last, if there is one and it is a way still.
func NewWalk(ways []Way, worked string) *Walk {
	w := &Walk{ways: slices.Clone(ways), worked: worked}
	if i := slices.IndexFunc(w.ways, func(y Way) bool { return y.Name == worked }); i > 0 {
		y := w.ways[i]
		w.ways = slices.Insert(slices.Delete(w.ways, i, i+1), 0, y)
	}
	return w
}

// At is the way to try now; ok is false where none is left.
func (w *Walk) At() (Way, bool) {
	if len(w.ways) == 0 {
		return Way{}, false
	}
	return w.ways[0], true
}

// Last reports whether no other way is left.
func (w *Walk) Last() bool { return len(w.ways) <= 1 }

// Refused goes on from a way that was refused.
func (w *Walk) Refused(how Outcome) {
	at := w.ways[0]
	w.ways = w.ways[1:]
	switch _, isScram := scramHash(at.Name); {
	case how == Condemned, how == Doubted && (at.Shown || w.second || at.Name == w.worked):
		w.ways = nil
	case how == Doubted:
		w.second = true
		same, bound := strings.CutSuffix(at.Name, plus)
		w.keep(func(y Way) bool { return bound && y.Name == same || !bound && y.Shown })
	case isScram && !strings.HasSuffix(at.Name, plus) && slices.ContainsFunc(w.ways, func(y Way) bool { return y.Shown }):
		// A user of whom one proof is unknown is one of whom the others are.
		w.keep(func(y Way) bool { _, other := scramHash(y.Name); return !other })
	}
}

func (w *Walk) keep(f func(Way) bool) {
	w.ways = slices.DeleteFunc(w.ways, func(y Way) bool { return !f(y) })
}
