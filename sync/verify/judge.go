package verify

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mailsync/state"
	"mailsync/sync/port"
)

// reading is one identity, and its files to be read and compared with what is recorded.
type reading struct {
	*part
	id      port.Identity
	known   bool         // it is recorded
	want    *state.Proof // nil: no digest is recorded
	unknown bool         // its token is of another mailbox
	names   []string
	octets  int64 // by their names
	got     []inspected
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

// judge finds what is wrong with the files of one identity. The best of them is the
// message, the others are too many. unproven reports that no digest proves its bytes.
func (r *reading) judge() (found []port.Finding, unproven bool) {
	first := max(0, slices.IndexFunc(r.got, func(g inspected) bool {
		fault, _ := r.fault(g)
		return fault == ""
	}))
	best := r.got[first]
	fault, detail := r.fault(best)
	if fault != "" {
		found = append(found, r.wrong(fault, best, detail))
	}
	for i, g := range r.got {
		if i == first || errors.Is(g.err, fs.ErrNotExist) {
			continue
		}
		detail := "the same message as " + r.path(best) + "; sync makes them one"
		if g.err != nil || best.err != nil || g.Digest != best.Digest {
			detail = "other bytes under the identity of " + r.path(best)
		}
		found = append(found, r.wrong(port.Doubled, g, detail))
	}
	return found, fault == "" && r.want == nil && best.Hints.Hash == ""
}

func (r *reading) path(g inspected) string { return path.Join(r.at, g.name) }

func (r *reading) wrong(fault port.Fault, g inspected, detail string) port.Finding {
	f := r.finding(fault, r.id, detail)
	f.File, f.Want, f.Known = r.path(g), r.want, r.known
	if g.err == nil {
		f.Got = &g.Received
	}
	return f
}

// fault compares one file with what is recorded of it, or, where nothing is, with its name. "" is
// nothing wrong.
func (r *reading) fault(g inspected) (port.Fault, string) {
	switch {
	case errors.Is(g.err, fs.ErrNotExist):
		return port.Missing, "it was removed while it was looked for"
	case g.err != nil:
		return port.Unreadable, state.PlainText(g.err)
	case r.want != nil && !r.want.Proves(&g.Received):
		return damage(g, r.want.Bytes)
	}
	if h := g.Hints; r.want == nil && (h.Hash != "" && !g.Confirmed ||
		h.Hash == "" && (h.OnDisk >= 0 && h.OnDisk != g.OnDisk || h.Bytes >= 0 && h.Bytes != g.Bytes)) {
		return damage(g, h.Bytes)
	}
	return misnamed(g)
}

// damage distinguishes a file that was cut from one that was changed.
func damage(g inspected, bytes int64) (port.Fault, string) {
	if g.Bytes < bytes || g.OnDisk < g.Hints.OnDisk {
		return port.Truncated, fmt.Sprintf("%d octets are left of %d", g.Bytes, max(bytes, g.Hints.Bytes, g.Hints.OnDisk))
	}
	if g.Bytes > bytes && bytes >= 0 {
		return port.Altered, fmt.Sprintf("it has %d octets, and %d are recorded", g.Bytes, bytes)
	}
	return port.Altered, "its bytes are not those that were fetched"
}

// misnamed finds what is wrong in the name of a file with the right bytes.
func misnamed(g inspected) (port.Fault, string) {
	var wrong []string
	h := g.Hints
	if h.OnDisk >= 0 && h.OnDisk != g.OnDisk {
		wrong = append(wrong, fmt.Sprintf("S=%d, and the file has %d octets", h.OnDisk, g.OnDisk))
	}
	if h.Bytes >= 0 && h.Bytes != g.Bytes {
		wrong = append(wrong, fmt.Sprintf("W=%d, and the message has %d octets", h.Bytes, g.Bytes))
	}
	if h.Hash != "" && !g.Confirmed {
		wrong = append(wrong, "H= is another digest")
	}
	if len(wrong) == 0 {
		return "", ""
	}
	return port.Misnamed, "the bytes are right, and its name has " + strings.Join(wrong, ", ")
}

// swapped adds to an altered file which message its bytes are of, where that is missing itself.
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
