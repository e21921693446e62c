package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"mailsync/state"
	"mailsync/sync/port"
)

// reading is one identity, and its files to be read and compared with what is recorded.
type reading struct {
	*part
	id     port.Identity
	known  bool         // it is recorded
	want   *state.Proof // nil: no digest is recorded
	stray  bool
	names  []string
	octets int64 // as their names tell
	got    []inspected
}

// inspected is what reading a file gave.
type inspected struct {
	name string
	state.Received
	err error
}

func (r *reading) add(name string, octets int64) {
	r.names = append(r.names, name)
	r.octets += max(0, octets)
}

// judge says what is wrong with the files of one identity. The best of them is the
// message, the others are too many.
func (r *reading) judge() (found []port.Finding, unproven bool) {
	best := 0
	for i := range r.got {
		if fault, _ := r.fault(r.got[i]); fault == "" {
			best = i
			break
		}
	}
	fault, detail := r.fault(r.got[best])
	if fault != "" {
		found = append(found, r.wrong(fault, r.got[best], detail))
	}
	for i, g := range r.got {
		if i == best || errors.Is(g.err, fs.ErrNotExist) {
			continue
		}
		detail := "the same message as " + r.path(r.got[best]) + "; sync makes them one"
		if g.err != nil || r.got[best].err != nil || g.Digest != r.got[best].Digest {
			detail = "other bytes under the identity of " + r.path(r.got[best])
		}
		found = append(found, r.wrong(port.Doubled, g, detail))
	}
	got := r.got[best]
	return found, fault == "" && r.want == nil && got.Hints.Hash == ""
}

func (r *reading) path(g inspected) string { return path.Join(r.at, g.name) }

func (r *reading) wrong(fault port.Fault, g inspected, detail string) port.Finding {
	f := port.Finding{Fault: fault, Mailbox: r.Name, UID: r.id.UID, File: r.path(g), Detail: detail,
		Raw: r.Row.Raw, Path: r.Row.Path, Id: r.id, Want: r.want, Known: r.known}
	if g.err == nil {
		f.Got = &g.Received
	}
	return f
}

// fault holds one file against what is recorded of it, or, where nothing is, against what
// its name says. "" is nothing wrong.
func (r *reading) fault(g inspected) (port.Fault, string) {
	switch {
	case errors.Is(g.err, fs.ErrNotExist):
		return port.Missing, "it went away while it was looked for"
	case g.err != nil:
		return port.Unreadable, g.err.Error()
	}
	if r.want != nil {
		if !r.want.Proves(&g.Received) {
			return damage(g, r.want.Bytes)
		}
		return lie(g)
	}
	if h := g.Hints; h.Hash != "" && !g.Vouched ||
		h.Hash == "" && (h.OnDisk >= 0 && h.OnDisk != g.OnDisk || h.Bytes >= 0 && h.Bytes != g.Bytes) {
		return damage(g, h.Bytes)
	}
	return lie(g)
}

// damage tells a file that was cut from one that was changed.
func damage(g inspected, bytes int64) (port.Fault, string) {
	if g.Bytes < bytes || g.OnDisk < g.Hints.OnDisk {
		return port.Truncated, fmt.Sprintf("%d octets are left of %d", g.Bytes, max(bytes, g.Hints.Bytes, g.Hints.OnDisk))
	}
	if g.Bytes > bytes && bytes >= 0 {
		return port.Altered, fmt.Sprintf("it has %d octets, and %d are recorded", g.Bytes, bytes)
	}
	return port.Altered, "its bytes are not those that were fetched"
}

// lie says what a name has wrong of bytes that are right.
func lie(g inspected) (port.Fault, string) {
	var wrong []string
	h := g.Hints
	if h.OnDisk >= 0 && h.OnDisk != g.OnDisk {
		wrong = append(wrong, fmt.Sprintf("S=%d, and the file has %d octets", h.OnDisk, g.OnDisk))
	}
	if h.Bytes >= 0 && h.Bytes != g.Bytes {
		wrong = append(wrong, fmt.Sprintf("W=%d, and the message has %d octets", h.Bytes, g.Bytes))
	}
	if h.Hash != "" && !g.Vouched {
		wrong = append(wrong, "H= is another digest")
	}
	if len(wrong) == 0 {
		return "", ""
	}
	return port.Misnamed, "the bytes are right, and its name says " + strings.Join(wrong, ", ")
}

// swapped adds to what is altered whose bytes those are, where another message that is
// not itself here any more has them.
func swapped(found []port.Finding) {
	lost := map[[state.DigestSize]byte]*port.Finding{}
	for i := range found {
		if f := &found[i]; f.Want != nil && (f.Fault == port.Altered || f.Fault == port.Truncated || f.Fault == port.Missing) {
			lost[f.Want.Digest] = f
		}
	}
	for i := range found {
		f := &found[i]
		if f.Got == nil || f.Fault != port.Altered && f.Fault != port.Truncated {
			continue
		}
		if owner := lost[f.Got.Digest]; owner != nil && owner != f {
			f.Fault = port.Altered
			f.Detail = fmt.Sprintf("it holds the bytes of %s uid %d", owner.Mailbox, owner.UID)
		}
	}
}
