package plan

import (
	"slices"

	"mailsync/state"
)

// PlaceOf returns the place of a UID among records that are sorted by it, and whether it has one.
func PlaceOf(records []state.Record, uid state.UID) (int, bool) {
	return slices.BinarySearchFunc(records, uid, func(r state.Record, u state.UID) int { return int(int64(r.UID) - int64(u)) })
}

// RecordAt returns the record of a UID among records that are sorted by it, a new outstanding one if there is
// none.
func RecordAt(records []state.Record, uid state.UID) state.Record {
	if i, known := PlaceOf(records, uid); known {
		return records[i]
	}
	return state.Record{UID: uid, Status: state.Outstanding, Size: -1, Date: state.NoDate}
}

// RecordOf returns the record of a file's message among records that are sorted by UID, and whether there is
// one. Another message under the same UID is none.
func RecordOf(records []state.Record, uid state.UID, variant uint8) (rec state.Record, known bool) {
	i, known := PlaceOf(records, uid)
	if !known || max(1, records[i].Variant) != max(1, variant) {
		return state.Record{}, false
	}
	return records[i], true
}

// CameUndated reports whether a record is that of a message which the server showed without
// a date, and of the file with this variant.
func CameUndated(rec state.Record, variant uint8) bool {
	return rec.Date == state.NoDate && rec.Size >= 0 && max(1, rec.Variant) == max(1, variant)
}

// Before reports whether a message is older than since, NoDate for never. One without a date is
// not: nobody knows how old it is.
func Before(date, since int64) bool {
	return since != state.NoDate && date != state.NoDate && date < since
}

// Fileless reports whether a message in this state is on the server, and for a reason not
// here, that outlives a new numbering. (What is too large is found to be so again.)
func Fileless(s state.Status) bool {
	return s == state.KeptAway || s == state.Accepted || s == state.Archived
}

// KnowsOne reports whether a POP3 server lists a message that was ever seen there. Its
// UIDVALIDITY proves nothing, and what was collected is not on it any more.
func KnowsOne(records []state.Record, listed []state.OnServer) bool {
	return slices.ContainsFunc(listed, func(m state.OnServer) bool {
		_, known := PlaceOf(records, m.UID)
		return known
	})
}
