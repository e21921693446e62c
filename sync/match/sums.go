package match

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"hash/fnv"
	"io"
	"slices"
	"sync"

	"mailsync/state"
	"mailsync/sync/port"
)

// Sums are digests of a message: of all its bytes, and of those that no server changes
// (line ends, and NUL and 8-bit octets, in the place of which Cyrus puts an X into headers);
// of its body, and of each field of its header, but for blanks.
type Sums struct {
	Exact, Loose, body [state.DigestSize]byte
	fields             []uint64
}

// SumsOf reads a body to its end.
func SumsOf(r io.Reader) (*Sums, error) {
	all, loose, parts := sha256.New(), &plain{h: sha256.New()}, &parts{body: plain{h: sha256.New(), blanks: true}}
	if _, err := io.Copy(io.MultiWriter(all, loose, parts), r); err != nil {
		return nil, err
	}
	parts.end()
	s := &Sums{fields: parts.fields}
	all.Sum(s.Exact[:0])
	loose.h.Sum(s.Loose[:0])
	parts.body.h.Sum(s.body[:0])
	return s, nil
}

// plain digests what no server changes.
type plain struct {
	h      hash.Hash
	blanks bool // that blanks are left out as well
	buf    []byte
}

func (p *plain) Write(b []byte) (int, error) {
	p.buf = p.buf[:0]
	for _, c := range b {
		if c != '\r' && c != '\n' && c != 0 && c != 'X' && c < 0x80 && !(p.blanks && (c == ' ' || c == '\t')) {
			p.buf = append(p.buf, c)
		}
	}
	_, _ = p.h.Write(p.buf) // a hash returns no error
	return len(b), nil
}

// mostFields bounds what is kept of a header; further fields are not compared.
const mostFields = 1000

// parts digests a header field by field, and the body.
type parts struct {
	body   plain
	fields []uint64
	field  *plain // of the field that is being read
	inBody bool
	middle bool // of a line
	empty  bool // the line has nothing but a CR so far
}

func (p *parts) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && !p.inBody {
		if !p.middle {
			if b[0] != ' ' && b[0] != '\t' {
				p.end()
			}
			p.middle, p.empty = true, true
		}
		line, rest, ended := bytes.Cut(b, []byte("\n"))
		p.empty = p.empty && len(bytes.Trim(line, "\r")) == 0
		if !p.empty {
			if p.field == nil {
				p.field = &plain{h: fnv.New64a(), blanks: true}
			}
			_, _ = p.field.Write(line)
		}
		b = rest
		if ended {
			p.middle, p.inBody = false, p.empty
		}
	}
	_, _ = p.body.Write(b)
	return n, nil
}

// end ends the field that was being read.
func (p *parts) end() {
	if p.field != nil && len(p.fields) < mostFields {
		p.fields = append(p.fields, p.field.h.(hash.Hash64).Sum64())
	}
	p.field = nil
}

// Digests fetches bodies to digest them. broke is why some could not be fetched.
func Digests(ctx context.Context, server port.Server, raw string, mark state.Mark, uids []state.UID) (of map[state.UID]*Sums, broke, err error) {
	slices.Sort(uids)
	d := &digesting{raw: raw, mark: mark, uids: uids, sums: map[state.UID]*Sums{}}
	err = server.Fetch(ctx, d)
	return d.sums, d.err, err
}

// digesting is a Work that digests bodies.
type digesting struct {
	raw  string
	mark state.Mark
	uids []state.UID // not asked for yet
	next int
	mu   sync.Mutex // guards all
	sums map[state.UID]*Sums
	err  error
}

func (d *digesting) Next(string) (state.Item, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(port.ItemUIDs, len(d.uids))
	if n == 0 || d.err != nil {
		return state.Item{}, false
	}
	d.next++
	item := state.Item{ID: d.next, Raw: d.raw, UIDValidity: d.mark.UIDValidity, UIDs: d.uids[:n]}
	d.uids = d.uids[n:]
	return item, true
}

func (d *digesting) Body(_ state.Item, msg state.Incoming, r io.Reader) error {
	s, err := SumsOf(r)
	if err != nil {
		return nil // the command will not end well
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sums[msg.UID] = s
	return nil
}

func (d *digesting) Done(item state.Item, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		return
	}
	for _, uid := range item.UIDs {
		delete(d.sums, uid)
	}
	d.err = errors.Join(d.err, err)
}

// SumsOfFile are those of the bytes that a file has for a server.
func SumsOfFile(md port.Maildir, name string, form state.Form) (*Sums, error) {
	body, err := md.Body(name, form)
	if err != nil {
		return nil, err
	}
	s, err := SumsOf(body)
	return s, errors.Join(err, body.Close())
}
