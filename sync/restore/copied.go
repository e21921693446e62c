package restore

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// The mtime of another program's file is when its message arrived. A copy of a tree that does not keep times
// makes that the hour of the copying, for all of them. Then the name, in which delivery programs write the second,
// and the header know better.

const (
	aDay   = 24 * 60 * 60
	aPause = 6 * 60 * 60 // in one copying no pause between two files is longer
)

// redate gives files of one Maildir, whose dates are their mtimes, the dates of their messages: other ones than the mtimes
// where these are plainly of a copy. Plainly is where messages of more than a week got their mtimes in a tenth of that
// time, all of them more than a day late; or where of each one, late and together, name and header agree.
func redate(files []*state.FileIdent) {
	var late []*state.FileIdent
	for _, f := range files {
		switch first := firstSeen(f); {
		case f.Date == state.NoDate:
			f.Date = arrived(f)
		case first != state.NoDate && f.Date-first > aDay:
			late = append(late, f)
		}
	}
	slices.SortFunc(late, func(a, b *state.FileIdent) int { return cmp.Compare(a.Date, b.Date) })
	for len(late) > 0 {
		n := 1
		for n < len(late) && late[n].Date-late[n-1].Date <= aPause {
			n++
		}
		if copied(late[:n]) {
			for _, f := range late[:n] {
				f.Date = arrived(f)
			}
		}
		late = late[n:]
	}
}

// copied reports whether files that were written one after the other, sorted by mtime, were copied then.
func copied(files []*state.FileIdent) bool {
	window := files[len(files)-1].Date - files[0].Date
	earliest, latest := arrived(files[0]), arrived(files[0])
	agree := true
	for _, f := range files {
		earliest, latest = min(earliest, arrived(f)), max(latest, arrived(f))
		header := headerDate(f)
		agree = agree && f.Named != state.NoDate && header != state.NoDate && max(f.Named-header, header-f.Named) <= 2*aDay
	}
	span := latest - earliest
	return agree || len(files) > 1 && span > 7*aDay && span >= 10*window
}

// headerDate is when the last server on its way took a message, else when it was written.
func headerDate(f *state.FileIdent) int64 {
	if f.Received != state.NoDate {
		return f.Received
	}
	return f.Written
}

// firstSeen is the earliest time at which the message was delivered, as far as that is known. A writer's clock counts
// only where nothing else does.
func firstSeen(f *state.FileIdent) int64 {
	switch {
	case f.Named == state.NoDate:
		return headerDate(f)
	case f.Received == state.NoDate:
		return f.Named
	}
	return min(f.Named, f.Received)
}

// arrived is when the message arrived, whatever the mtime is. A name that is much younger than the header is
// of a program that took the message over from elsewhere.
func arrived(f *state.FileIdent) int64 {
	header := headerDate(f)
	if f.Named == state.NoDate || header != state.NoDate && f.Named-header > 2*aDay {
		return header
	}
	return f.Named
}
