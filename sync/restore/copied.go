package restore

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// A file of another program's tells by its mtime when its message came. A copy of a tree that does not keep times
// makes that the hour of the copying, for all of them. Then the name, in which delivery programs write the second,
// and the header tell better.

// stamp is what a file tells of when its message came, each NoDate where it tells nothing.
type stamp struct {
	mtime    int64
	named    int64 // the second in its name
	received int64 // the first Received field's
	written  int64 // the Date field's
}

const (
	aDay   = 24 * 60 * 60
	aPause = 6 * 60 * 60 // in one copying there is none longer between two files
)

// datesOf returns when the messages of one Maildir came: by the mtimes, but for those that are plainly of a copy.
// Plainly is where messages of more than a week got their mtimes in a tenth of that time, all of them
// more than a day late; or where of each one, late and together, name and header tell the same.
func datesOf(stamps []stamp) []int64 {
	dates := make([]int64, len(stamps))
	var late []int
	for i, s := range stamps {
		dates[i] = s.mtime
		switch first := s.first(); {
		case s.mtime == state.NoDate:
			dates[i] = s.told()
		case first != state.NoDate && s.mtime-first > aDay:
			late = append(late, i)
		}
	}
	slices.SortFunc(late, func(a, b int) int { return cmp.Compare(stamps[a].mtime, stamps[b].mtime) })
	for len(late) > 0 {
		n := 1
		for n < len(late) && stamps[late[n]].mtime-stamps[late[n-1]].mtime <= aPause {
			n++
		}
		if copied(stamps, late[:n]) {
			for _, i := range late[:n] {
				dates[i] = stamps[i].told()
			}
		}
		late = late[n:]
	}
	return dates
}

// copied reports whether files that were written one after the other, sorted by mtime, were copied then.
func copied(stamps []stamp, files []int) bool {
	window := stamps[files[len(files)-1]].mtime - stamps[files[0]].mtime
	earliest, latest := stamps[files[0]].told(), stamps[files[0]].told()
	agree := true
	for _, i := range files {
		s := &stamps[i]
		earliest, latest = min(earliest, s.told()), max(latest, s.told())
		header := s.header()
		agree = agree && s.named != state.NoDate && header != state.NoDate && max(s.named-header, header-s.named) <= 2*aDay
	}
	span := latest - earliest
	return agree || len(files) > 1 && span > 7*aDay && span >= 10*window
}

// header is when the last server on its way took a message, else when it was written.
func (s *stamp) header() int64 {
	if s.received != state.NoDate {
		return s.received
	}
	return s.written
}

// first is the earliest time at which the message was delivered, as far as that is told. A writer's clock counts only
// where nothing else does.
func (s *stamp) first() int64 {
	switch {
	case s.named == state.NoDate:
		return s.header()
	case s.received == state.NoDate:
		return s.named
	}
	return min(s.named, s.received)
}

// told is when the message came, whatever the mtime says. A name that is much younger than the header is
// of a program that took the message over from elsewhere.
func (s *stamp) told() int64 {
	header := s.header()
	if s.named == state.NoDate || header != state.NoDate && s.named-header > 2*aDay {
		return header
	}
	return s.named
}

// redate gives files of other programs the dates of their messages.
func redate(all []*message) {
	var stamps []stamp
	var which []*message
	for _, c := range all {
		if c.ident.Mtime {
			stamps = append(stamps, stamp{mtime: c.ident.Date, named: c.ident.Named, received: c.ident.Received, written: c.ident.Written})
			which = append(which, c)
		}
	}
	for i, date := range datesOf(stamps) {
		which[i].ident.Date = date
	}
}
