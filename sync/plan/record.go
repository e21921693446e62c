package plan

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// PlaceOf returns the place of a UID among records that are sorted by it, and whether it has one.
func PlaceOf(records []state.Record, uid state.UID) (int, bool) {
	return slices.BinarySearchFunc(records, uid, func(r state.Record, u state.UID) int { return cmp.Compare(r.UID, u) })
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

// Apply returns the base with changes applied, which may be one of the slices. base, put and forget are sorted by UID.
func Apply(base, put []state.Record, forget []state.UID) []state.Record {
	switch {
	case len(base) == 0:
		return put
	case len(put) == 0 && len(forget) == 0:
		return base
	}
	out := make([]state.Record, 0, len(base)+len(put))
	for _, rec := range base {
		for len(put) > 0 && put[0].UID < rec.UID {
			out, put = append(out, put[0]), put[1:]
		}
		if len(put) > 0 && put[0].UID == rec.UID {
			out, put = append(out, put[0]), put[1:]
		} else if _, gone := slices.BinarySearch(forget, rec.UID); !gone {
			out = append(out, rec)
		}
	}
	return append(out, put...)
}

// Overwrite is Apply in place, where every record that changes is there already; else it
// changes nothing and returns false. A first pull commits a mailbox in thousands of parts,
// and would copy all of its records for each.
func Overwrite(base, put []state.Record) bool {
	places := make([]int, len(put))
	for i, rec := range put {
		at, ok := PlaceOf(base, rec.UID)
		if !ok {
			return false
		}
		places[i] = at
	}
	for i, at := range places {
		base[at] = put[i]
	}
	return true
}

// AnotherThan returns the first file of an identity that is to be folded, where the second is there
// beside it.
func AnotherThan(disk *state.DiskSnapshot, o Op, gone map[string]bool) (first string, ok bool) {
	for _, m := range FilesOf(disk, o.UID) {
		name := disk.NameAt(m.Name)
		switch {
		case m.Variant != o.Variant || gone[name]:
		case name == o.Name:
			ok = true
		case first == "":
			first = name
		}
	}
	return first, ok && first != ""
}

// NameIn returns the first file of an identity in a snapshot.
func NameIn(disk *state.DiskSnapshot, uid state.UID, variant uint8) (string, bool) {
	for _, m := range FilesOf(disk, uid) {
		if m.Variant == variant {
			return disk.NameAt(m.Name), true
		}
	}
	return "", false
}

// FilesOf are the files of a UID, of all variants.
func FilesOf(disk *state.DiskSnapshot, uid state.UID) []state.OnDisk {
	from, there := slices.BinarySearchFunc(disk.Messages, uid, func(m state.OnDisk, u state.UID) int { return cmp.Compare(m.UID, u) })
	to := from
	for there && to < len(disk.Messages) && disk.Messages[to].UID == uid {
		to++
	}
	return disk.Messages[from:to]
}
