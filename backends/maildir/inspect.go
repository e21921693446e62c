package maildir

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"path"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Inspect reads a file and returns the digest and length of the server's bytes as they
// are rebuilt from it, with its form, its octets on disk, the flags and the identity in
// its name, and its mtime as Date, NoDate for one that is none. The form is the one that fits want, or the name's H=,
// or the sizes in them; where nothing tells, a file with any CR counts as kept byte for
// byte and any other one as in LF form. A file that was renamed meanwhile is found by
// its identity; one that is gone is fs.ErrNotExist. It is safe for concurrent use, but not
// beside a Scan.
func (m *Maildir) Inspect(name string, want *state.Proof) (got state.Received, err error) {
	err = m.index.seen(name, func(name string, info disk.Info) error {
		got, err = m.inspect(name, info, want)
		return err
	})
	return got, err
}

func (m *Maildir) inspect(name string, info disk.Info, want *state.Proof) (state.Received, error) {
	parts := partsOf(path.Base(name))
	n := parts.name
	if !parts.ours {
		n = Name{OnDisk: -1, Bytes: -1}
	}
	got, err := measure(m.fs, m.at(name), likelyForm(n, info.Size, want), expect(n, want))
	if err != nil {
		return state.Received{}, err
	}
	got.Flags, got.Silent = m.alphabet.letters.flags(parts.letters), parts.silent(path.Dir(name))
	got.Date = mtimeDate(info)
	got.Size = got.Bytes
	got.Hints = state.Hints{OnDisk: n.OnDisk, Bytes: n.Bytes, Hash: n.Hash}
	got.Vouched = n.Hash != "" && hashOf(got.Digest) == n.Hash
	if parts.ours {
		id := m.index.identify(n)
		got.UID, got.Variant, got.Token = id.uid, id.variant, id.token
	}
	return got, nil
}

// Body opens a file as the server's bytes, rebuilt by its form (FormUnknown: the one
// that Inspect would find is found first). The caller closes it.
func (m *Maildir) Body(name string, form state.Form) (io.ReadCloser, error) {
	if form == state.FormUnknown {
		got, err := m.Inspect(name, nil)
		if err != nil {
			return nil, err
		}
		form = got.Form
	}
	var file disk.File
	err := m.index.seen(name, func(name string, _ disk.Info) (err error) {
		if file, err = m.fs.Open(m.at(name)); err != nil {
			err = fault(err, "open %s", m.at(name))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if form == state.FormLF {
		return &body{newExpander(file), file}, nil
	}
	return file, nil
}

type body struct {
	io.Reader
	io.Closer
}

// expectation is what a digest has to be; nil says nothing.
type expectation func([state.DigestSize]byte) bool

func expect(n Name, want *state.Proof) expectation {
	switch {
	case want != nil && want.Digest != [state.DigestSize]byte{}:
		return func(sum [state.DigestSize]byte) bool { return sum == want.Digest }
	case n.Hash != "":
		return func(sum [state.DigestSize]byte) bool { return hashOf(sum) == n.Hash }
	}
	return nil
}

// likelyForm guesses from sizes: a file smaller than what was sent is in LF form.
func likelyForm(n Name, size int64, want *state.Proof) state.Form {
	sent := n.Bytes
	if want != nil && want.Bytes > 0 {
		sent = want.Bytes
	}
	switch {
	case sent < 0 || sent < size:
		return state.FormUnknown
	case sent == size:
		return state.FormRaw
	}
	return state.FormLF
}

// measure reads a file in the likely form, or in both at once where that is not known.
// Where the digest is not the expected one, the other form is tried.
func measure(fsys disk.FS, name string, likely state.Form, right expectation) (state.Received, error) {
	if likely != state.FormUnknown {
		got, err := read(fsys, name, likely == state.FormRaw, likely == state.FormLF)
		if err != nil {
			return state.Received{}, err
		}
		first := got.received(likely)
		if right == nil || right(first.Digest) {
			return first, nil
		}
		got, err = read(fsys, name, likely == state.FormLF, likely == state.FormRaw)
		if err != nil {
			return state.Received{}, err
		}
		second := got.received(state.FormLF + state.FormRaw - likely)
		if right(second.Digest) {
			return second, nil
		}
		return first, nil
	}
	got, err := read(fsys, name, true, true)
	if err != nil {
		return state.Received{}, err
	}
	raw, lf := got.received(state.FormRaw), got.received(state.FormLF)
	switch {
	case right != nil && right(raw.Digest):
		return raw, nil
	case right != nil && right(lf.Digest):
		return lf, nil
	case got.crs:
		return raw, nil
	}
	return lf, nil
}

// reading is what one pass over a file found.
type reading struct {
	size    int64
	lines   int64 // LFs
	crs     bool  // there is a CR
	headed  bool
	raw, lf hash.Hash
}

// received says what the server sent if the file is in that form. A file without any
// line end is the same in both, and called raw.
func (r *reading) received(form state.Form) state.Received {
	got := state.Received{OnDisk: r.size, Bytes: r.size, Form: state.FormRaw, Headed: r.headed}
	sum := r.raw
	if form == state.FormLF {
		sum = r.lf
		got.Bytes += r.lines
		if r.lines > 0 {
			got.Form = state.FormLF
		}
	}
	sum.Sum(got.Digest[:0])
	return got
}

// read reads a file once and digests it in either form, or both.
func read(fsys disk.FS, name string, raw, lf bool) (*reading, error) {
	file, err := fsys.Open(name)
	if err != nil {
		return nil, fault(err, "open %s", name)
	}
	defer file.Close()
	b := pool.Get().(*buffers)
	defer pool.Put(b)
	r := &reading{raw: sha256.New(), lf: sha256.New()}
	for last := false; !last; {
		n, end, err := readChunk(file, b.in)
		if err != nil {
			return nil, fault(err, "read %s", name)
		}
		last = end
		p := b.in[:n]
		if r.size == 0 {
			r.headed = headed(p)
		}
		r.size += int64(n)
		r.lines += int64(bytes.Count(p, []byte{'\n'}))
		r.crs = r.crs || bytes.IndexByte(p, '\r') >= 0
		if raw {
			r.raw.Write(p)
		}
		if lf {
			b.out = expand(b.out[:0], p)
			r.lf.Write(b.out)
		}
	}
	return r, nil
}

// mtimeDate is the date that a file's time tells. Copies and archives give files the zero of a clock.
func mtimeDate(info disk.Info) int64 { return state.DateOf(floorSeconds(info.Mtime)) }

// floorSeconds makes nanoseconds whole seconds, downwards also before 1970.
func floorSeconds(ns int64) int64 {
	s := ns / 1e9
	if ns%1e9 < 0 {
		s--
	}
	return s
}
