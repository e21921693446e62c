package plan

import (
	"mailsync/state"
)

// Learn turns what a scan of the server saw into changes of the base, to be committed
// together with the scan's Mark before anything acts on it. After that the base alone
// knows what is left to do: a message that is not here yet is Outstanding, one that is not on the
// server any more is Gone, a flag that changed is Seen≠Agreed. So a failing message never holds the mark
// back, and a run that is interrupted forgets nothing.
//
// The disk is looked at for one thing: where an earlier run carried a flag to the disk
// and was interrupted before the commit, the file shows it, and the change is agreed on
// now. Without this our own change would look like the user's.
func Learn(w World) (put []state.Record) {
	if len(w.Base) == 0 && w.Server != nil { // each of them is new
		put = make([]state.Record, 0, len(w.Server.Messages))
	}
	w.views(func(v view) {
		old := v.rec
		rec := carried(v, w)
		switch {
		case v.listed && !v.known:
			rec = state.Record{UID: v.uid, Variant: v.vari, Status: state.Outstanding, Seen: v.sFlags, Size: v.size, Date: v.date}
		case v.listed:
			rec = relearn(rec, v, w.Estimates)
		case v.known && v.server == no && rec.Status.OnServer():
			rec.Status = went(rec.Status, v.disk == yes, w.Away[rec.UID])
		}
		if (v.known || v.listed) && rec != old {
			put = append(put, rec)
		}
	})
	return put
}

// carried agrees on flags that an earlier run brought to the disk without committing
// that it had.
func carried(v view, w World) state.Record {
	rec := v.rec
	if v.known && v.disk == yes && w.DiskScanned() {
		pending := (rec.Seen ^ rec.Agreed) & w.Disk.Can
		there := pending & ^(v.dFlags ^ rec.Seen)
		rec.Agreed = state.Pick(there, rec.Seen, rec.Agreed)
	}
	return rec
}

// went is the status of a message that the server has no more. One that an archive run released is
// never taken for one that somebody deleted: its file stays, or is moved to its archive.
// One that had no file here is not forgotten at once: it may be in another mailbox now,
// and so may one whose file was fetched in a run that was interrupted before its commit.
func went(was state.Status, here, away bool) state.Status {
	switch {
	case !was.HasFile() && here && was != state.Outstanding:
		return state.OnlyHere
	case was == state.Released && away:
		return state.Archived
	case was == state.Released:
		return state.OnlyHere
	}
	return state.Gone
}

// relearn is what the base knows of a message after the server showed it again. Where sizes are
// estimates another one says nothing about which message it is.
func relearn(rec state.Record, v view, estimates bool) state.Record {
	if NeverSeen(rec) {
		rec.Agreed &= v.sFlags // what the server does not show of it, it did not keep
	}
	rec.Seen = v.sFlags
	resized := Other(rec.Size, v.size, -1)
	changed := resized && !estimates || Other(rec.Date, v.date, state.NoDate)
	switch rec.Status {
	case state.Gone:
		rec = back(rec)
	case state.OnlyHere:
		rec.Status = state.Outstanding // it is back; the file, if it is there, is adopted
		if changed && v.disk == yes {
			// Or another message is, under the same number: a POP3 server may give a unique-id
			// again once nothing has it (RFC 1939 section 7).
			rec.Status = state.Doubtful
		}
	case state.Archived:
		rec.Status = state.KeptAway // it is back, and is here in its archive
	}
	switch {
	case changed:
		rec = doubted(rec)
	case resized:
		rec = estimatedAnew(rec, v.size)
	}
	if v.size >= 0 {
		rec.Size = v.size
	}
	if v.date != state.NoDate {
		rec.Date = v.date
	}
	return rec
}

// back is the record of a message that is on the server again: what it was, unless its length
// was in doubt, which is forgotten by then.
func back(rec state.Record) state.Record {
	rec.Status = state.Live
	if rec.Tries > 0 && rec.Tries != LengthAccepted {
		rec.Status, rec.Tries = state.Doubtful, 0
	}
	return rec
}

// NeverSeen reports whether a message was appended, and no scan has shown it since.
func NeverSeen(rec state.Record) bool { return rec.Size < 0 && rec.Date == state.NoDate }

// doubted is the record of a message with another size or date than before. A UID never
// changes its message (RFC 9051 section 2.3.1.1); on this server it seems to have, and the
// body decides. What was kept away was the message that it was before.
func doubted(rec state.Record) state.Record {
	switch rec.Status {
	case state.KeptAway, state.Accepted, state.Skipped:
		rec.Status, rec.Tries = state.Outstanding, 0
	case state.Live, state.Gone, state.Doubtful, state.Released, state.Longer, state.Shorter, state.Lacking:
		rec.Status, rec.Tries = state.Doubtful, 0
	}
	return rec
}

// Other reports whether two values that are both known differ.
func Other(a, b, unknown int64) bool { return a != b && a != unknown && b != unknown }
