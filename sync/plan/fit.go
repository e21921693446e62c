package plan

import (
	"mailsync/state"
)

// unstableAfter is how often a server may send other bytes for one message before the
// longest stays.
const unstableAfter = 3

// Tries is how often a message alone in its command is asked for.
const Tries = 2

// What a server announces of a message's length (RFC822.SIZE, LIST) is a hint. Bytes of another
// length are kept; whether they may be all there is of their message is decided here, and nowhere
// else (spec 5.6).

// A message that is shorter than announced by no more than this may be complete, where a server's
// sizes are estimates.
const (
	estimateParts = 10       // by a tenth of what was announced
	estimateMost  = 64 << 10 // and by 64 KiB
)

// EnoughMisfits is how many messages have to be of another length than announced, and at least one
// in estimateParts of those that are here, before a server's sizes are taken for estimates.
const EnoughMisfits = 20

// MisfitsIn counts the messages that are of another length than announced.
func MisfitsIn(records []state.Record) (n int) {
	for _, rec := range records {
		if rec.Status.Misfit() {
			n++
		}
	}
	return n
}

// fit is the status of a message of which so many octets were fetched, where the server announced so
// many (-1: none). headed: they begin as a message does, with a header.
func fit(announced, came int64, headed bool) state.Status {
	short := announced - came
	switch {
	case announced < 0 || short == 0:
		return state.Live
	case short < 0:
		return state.Longer
	case came > 0 && headed && short <= estimateMost && short <= announced/estimateParts:
		return state.Shorter
	}
	return state.Lacking
}

// LengthAccepted is the Tries of a live message that its user accepts as complete, whatever length
// the server announces.
const LengthAccepted = 9

// Estimates reports whether an account's sizes are estimates, by what is known of all of its
// messages. Once they are, they stay so.
func Estimates(rows []state.MailboxRow) bool {
	misfits, here := 0, 0
	for _, row := range rows {
		for _, g := range row.Generations {
			misfits += g.Tally.Misfits
			here += g.Tally.Here - g.Tally.OnlyHere
		}
	}
	return misfits >= EnoughMisfits && misfits*estimateParts >= here
}

// Again reports whether a message that is here is to be fetched once more: it may be another one by now
// (no tries), or its bytes are in doubt, and with twice that matters here.
func Again(rec state.Record, twice bool) bool {
	switch {
	case rec.Status == state.Doubtful:
		return twice || rec.Tries == 0
	case rec.Status.Misfit():
		return twice && rec.Tries < 2
	}
	return false
}

// Leavable reports whether a message that is here may leave the server as far as its length is
// concerned. The same bytes twice prove that the server has no others, but
// not that they are all: so what is shorter leaves only where it may be an estimate that was wrong.
func Leavable(rec state.Record, estimates bool) bool {
	return rec.Tries >= 2 && mayBeAll(rec.Status, estimates) || rec.Status == state.Live || rec.Status == state.Released
}

// estimatedAnew is the record of a message for which a server that estimates sizes announces another
// size by now. It is not fetched for that; but before it leaves the server its bytes are compared once
// more.
func estimatedAnew(rec state.Record, announced int64) state.Record {
	switch {
	case rec.Status == state.Live && rec.Tries == 0:
		if rec.Status = fit(announced, rec.Size, true); rec.Status.Misfit() {
			rec.Tries = 1
		}
	case rec.Status.Misfit():
		rec.Tries = 1
	case rec.Status == state.KeptAway, rec.Status == state.Accepted, rec.Status == state.Skipped:
	default:
		return doubted(rec)
	}
	return rec
}

// InDoubt reports whether a message is here that may be incomplete.
func InDoubt(rec state.Record) bool {
	return rec.Status == state.Unstable || rec.Status.Misfit() || rec.Status == state.Doubtful && rec.Tries > 0
}

// ListedApart reports whether a message that is here is listed apart from the others: it may be
// incomplete, as far as is known so far.
func ListedApart(rec state.Record, estimates bool) bool {
	var t state.Tally
	t.Add(rec)
	return t.InDoubt(estimates) > 0
}

// Stuck reports whether a message stays on the server although it is here: it may be
// incomplete, and the server has no more.
func Stuck(rec state.Record, estimates bool) bool {
	return rec.Status == state.Unstable || rec.Status.Misfit() && rec.Tries >= 2 && !Leavable(rec, estimates)
}

// mayBeAll reports whether a message in that state may be all there is of it.
func mayBeAll(s state.Status, estimates bool) bool {
	return s == state.Live || s == state.Longer || s == state.Shorter && estimates
}

// Measured is the status and tries of a message for which a file was found, by the length that the server
// announces: it counts as fetched once.
func Measured(announced int64, file state.Received) (state.Status, uint8) {
	if fits := fit(announced, file.Bytes, file.Headed); fits.Misfit() {
		return fits, 1
	}
	return state.Live, 0
}

// Renumbered is the status and tries of a message that has a new number and the file that it had: what was
// known of its length stays true where the server announces the same.
func Renumbered(was state.Record, announced int64, file state.Received) (state.Status, uint8) {
	same := was.Size == announced
	switch {
	case was.Status == state.Doubtful, was.Status == state.Unstable, same && was.Status.Misfit():
		return was.Status, was.Tries
	case same && was.Tries == LengthAccepted:
		return state.Live, LengthAccepted
	}
	return Measured(announced, file)
}

// LengthDiffers reports whether a message of which so many octets were fetched may be incomplete, for the
// server announces so many now.
func LengthDiffers(rec state.Record, came, announced int64, estimates bool) bool {
	if announced < 0 || announced == came {
		return false
	}
	if InDoubt(rec) {
		return !mayBeAll(rec.Status, estimates) || rec.Tries < 2 && !estimates
	}
	return !estimates && announced != rec.Size
}

// Adoptable is the status and tries of a message with a file of its identity, of which the base knows nothing.
// A file with other bytes than its name has the digest of, or without one and of another length
// than the server announces, is looked at again: the server's bytes decide.
func Adoptable(announced int64, file state.Received) (state.Status, uint8) {
	status, tries := Measured(announced, file)
	if file.Bytes < 0 || !file.Confirmed && (file.Hints.Hash != "" || status.Misfit()) {
		return state.Doubtful, 0
	}
	return status, tries
}

// Body is what is known of bytes that were fetched, once it was tried to put them in their place.
type Body struct {
	Octets   int64
	Headed   bool // they begin with a header
	Found    bool // a file of that identity has these very bytes
	Occupied bool // a file of that identity has others
	Rewrote  bool // and those are the same message, in which the server has changed header fields
}

// Judge decides what a fetched body is, beside what its record says, and whether it is another message
// than the file of its identity, so that both stay.
func Judge(prior state.Record, b Body) (rec state.Record, other bool) {
	rec = prior
	doubted := InDoubt(prior)
	other = b.Occupied && !b.Rewrote && !doubted
	fits := fit(prior.Size, b.Octets, b.Headed)
	switch {
	case b.Found && prior.Status == state.Live && prior.Tries == LengthAccepted:
	case fits == state.Live:
		rec.Status, rec.Tries = state.Live, 0
	case b.Found && (doubted || prior.Status == state.Doubtful):
		rec.Status, rec.Tries = fits, 2 // the server has no others
	case !doubted || !b.Occupied:
		rec.Status, rec.Tries = fits, 1
	case rec.Tries+1 >= unstableAfter:
		rec.Status = state.Unstable
	default:
		rec.Status = state.Doubtful
		rec.Tries++
	}
	return rec, other
}
