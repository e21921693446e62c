package plan

import (
	"iter"
	"slices"

	"mailsync/state"
)

// World is everything Plan looks at: the three states of one mailbox and the policy.
type World struct {
	Base   []state.Record        // sorted by UID
	Server *state.ServerSnapshot // nil: not looked at, the server is as the base last saw it
	Disk   *state.DiskSnapshot   // nil, or not Said: not looked at, the disk is as agreed
	Policy Policy
	// DiskProves: a file that is not there was removed by somebody. It is false
	// where the Maildir or the state file was copied, restored or lost its marker: then
	// what is missing is fetched again.
	DiskProves bool
	// Estimates: the sizes that the server announces are estimates.
	Estimates  bool
	Unsettable state.Flags // those that the server does not keep
	// Away are released messages whose files were on their way to an archive.
	Away map[state.UID]bool
}

// presence is what is known of one UID on one side.
type presence uint8

const (
	no      presence = iota // not there, and that is proven
	yes                     // there
	unsure                  // not seen, and that proves nothing
	missing                 // not on disk, in a tree that lost files otherwise than by a user's hand
)

// view is one message as the three states show it.
type view struct {
	uid    state.UID
	rec    state.Record
	known  bool // rec is the base's
	place  int  // of rec in the base
	server presence
	listed bool // the server's snapshot shows it
	sFlags state.Flags
	size   int64
	date   int64
	disk   presence
	vari   uint8
	file
}

// file is the file of a message, with the further ones of its identity.
type file struct {
	name   string // "" where the disk was not looked at
	dFlags state.Flags
	silent bool           // no name shows all flags of the file (state.Spoken)
	hidden bool           // mail programs read none in its name
	shown  state.Flags    // by its names; dFlags but for a silent one
	dSize  int64          // W= of the file, -1 unknown
	hashed bool           // the file's name has its digest
	extra  []state.OnDisk // further files of the same identity
}

// Joined is what three states have of one UID.
type Joined struct {
	UID    state.UID
	Base   *state.Record   // nil: nothing
	Server *state.OnServer // nil: nothing
	Disk   []state.OnDisk
}

// Join joins three states, each sorted by UID, in ascending order.
func Join(base []state.Record, server []state.OnServer, disk []state.OnDisk) iter.Seq[Joined] {
	return func(yield func(Joined) bool) {
		for len(base) > 0 || len(server) > 0 || len(disk) > 0 {
			j := Joined{UID: ^state.UID(0)}
			if len(base) > 0 {
				j.UID = base[0].UID
			}
			if len(server) > 0 {
				j.UID = min(j.UID, server[0].UID)
			}
			if len(disk) > 0 {
				j.UID = min(j.UID, disk[0].UID)
			}
			if len(base) > 0 && base[0].UID == j.UID {
				j.Base, base = &base[0], base[1:]
			}
			if len(server) > 0 && server[0].UID == j.UID {
				j.Server, server = &server[0], server[1:]
			}
			n := 0
			for n < len(disk) && disk[n].UID == j.UID {
				n++
			}
			j.Disk, disk = disk[:n:n], disk[n:]
			if !yield(j) {
				return
			}
		}
	}
}

// views joins the three states and calls f with each message.
func (w *World) views(f func(view)) {
	var server []state.OnServer
	var gone []state.UID
	if w.Server != nil {
		server, gone = w.Server.Messages, w.Server.Gone
	}
	var disk []state.OnDisk
	if w.DiskScanned() {
		disk = w.Disk.Messages
	}
	place := 0
	for j := range Join(w.Base, server, disk) {
		for len(gone) > 0 && gone[0] < j.UID {
			gone = gone[1:]
		}
		f(w.view(j, place, len(gone) > 0 && gone[0] == j.UID))
		if j.Base != nil {
			place++
		}
	}
}

// view is a message, of which the base's record has that place. gone: the server has reported that it has it no more.
func (w *World) view(j Joined, place int, gone bool) view {
	v := view{uid: j.UID, size: -1, date: state.NoDate, file: file{dSize: -1}}
	if j.Base != nil {
		v.rec, v.known, v.place = *j.Base, true, place
		v.size, v.date = v.rec.Size, v.rec.Date
	}
	if j.Server != nil {
		v.server, v.listed, v.sFlags = yes, true, j.Server.Flags
		v.size, v.date = j.Server.Size, j.Server.Date
	} else {
		w.unlisted(&v, gone)
	}
	w.onDisk(&v, j.Disk)
	return v
}

// DiskScanned reports whether the disk was looked at.
func (w *World) DiskScanned() bool { return w.Disk != nil && w.Disk.Scanned }

// unlisted decides what it means that the server's snapshot does not list a message.
// Only a complete snapshot, and only inside its scope, proves that it is not there.
func (w *World) unlisted(v *view, gone bool) {
	sn := w.Server
	if sn != nil && sn.Complete && (sn.All || gone) {
		return // no
	}
	switch {
	case v.known && v.rec.Status.OnServer() && sn != nil && sn.Hides && v.uid < sn.Lowest:
		v.server = unsure
	case v.known && v.rec.Status.OnServer():
		v.server, v.sFlags = yes, v.rec.Seen
	case !v.known && sn != nil && !sn.Complete:
		v.server = unsure
	}
}

// onDisk fills in the disk side from the files with this UID.
func (w *World) onDisk(v *view, files []state.OnDisk) {
	v.vari = 1
	if v.known {
		v.vari = max(1, v.rec.Variant)
	} else if len(files) > 0 {
		v.vari = files[len(files)-1].Variant // sorted: the last one delivered is the one the server has
	}
	if !w.DiskScanned() {
		if v.known && v.rec.Status.HasFile() {
			v.disk, v.dFlags = yes, v.rec.Agreed
		}
		return
	}
	mine := files
	if another := func(f state.OnDisk) bool { return f.Variant != v.vari }; slices.ContainsFunc(files, another) {
		mine = slices.DeleteFunc(slices.Clone(files), another)
	}
	if len(mine) > 0 {
		v.disk, v.name, v.dSize, v.hashed = yes, w.Disk.NameAt(mine[0].Name), mine[0].Size, mine[0].Hashed
		v.extra, v.silent, v.hidden = mine[1:], mine[0].Silent, mine[0].Hidden // sorted: silent ones are the last
		for _, f := range mine {
			v.shown |= f.Flags
		}
		v.dFlags = state.FlagsByName(v.silent, v.shown, v.rec.Agreed)
		return
	}
	switch {
	case !v.known || !v.rec.Status.HasFile():
		v.disk = no
	case !w.DiskProves:
		v.disk = missing
	case !w.Disk.Complete:
		v.disk = unsure
	}
}
