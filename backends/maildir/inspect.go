package maildir

import (
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"path"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Inspect reads a file and returns the digest and length of the server's bytes as they
// are rebuilt from it, with its form, its octets on disk, the flags and the identity in
// its name, and its mtime as Date. The form is the one that fits want, or the name's H=,
// or the sizes in them; without any of these a file with a CR counts as kept byte for
// byte and any other one as in LF form. A file that was renamed meanwhile is found by
// its identity; for one that is gone the error is fs.ErrNotExist. It is safe for concurrent
// use, but not beside a Scan.
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
	got, err := m.measure(m.at(name), likelyForm(n, info.Size, want), expect(n, want))
	if err != nil {
		return state.Received{}, err
	}
	got.Flags, got.Silent = m.alphabet.letters.flags(parts.letters), parts.silent(path.Dir(name))
	got.Date = mtimeDate(info)
	got.Size = got.Bytes
	got.Hints = state.Hints{OnDisk: n.OnDisk, Bytes: n.Bytes, Hash: n.Hash}
	got.Confirmed = n.Hash != "" && hashOf(got.Digest) == n.Hash
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

// expectation reports whether a digest is the expected one; nil: any may be.
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
func (m *Maildir) measure(name string, likely state.Form, right expectation) (state.Received, error) {
	forms := []state.Form{likely}
	if likely == state.FormUnknown {
		forms = []state.Form{state.FormRaw, state.FormLF}
	}
	got, crs, err := m.read(name, forms)
	if err == nil && likely != state.FormUnknown && right != nil && !right(got[0].Digest) {
		var other []state.Received
		other, _, err = m.read(name, []state.Form{state.FormLF + state.FormRaw - likely})
		got = append(got, other...)
	}
	if err != nil {
		return state.Received{}, err
	}
	for _, one := range got {
		if right != nil && right(one.Digest) {
			return one, nil
		}
	}
	if likely == state.FormUnknown && !crs {
		return got[1], nil
	}
	return got[0], nil
}

// read reads a file once, and returns for each form what the server sent if the file is in that one. A file
// without any line end is the same in both, and called raw. crs reports that there is a CR in it, where both forms
// are asked for: no octet is looked at more often than it has to be.
func (m *Maildir) read(name string, forms []state.Form) (found []state.Received, crs bool, err error) {
	file, err := m.fs.Open(name)
	if err != nil {
		return nil, false, fault(err, "open %s", name)
	}
	defer file.Close()
	b := pool.Get().(*buffers)
	defer pool.Put(b)
	sums := make([]hash.Hash, len(forms))
	for i := range sums {
		sums[i] = sha256.New()
	}
	got := state.Received{Form: state.FormRaw}
	var added int64 // CRs that the LF form lacks
	for last := false; !last; {
		if err := m.opts.ended(); err != nil {
			return nil, false, err
		}
		n, end, err := readChunk(file, b.in)
		if err != nil {
			return nil, false, fault(err, "read %s", name)
		}
		last = end
		p := b.in[:n]
		if got.OnDisk == 0 {
			got.Headed = headed(p)
		}
		got.OnDisk += int64(n)
		crs = crs || len(forms) > 1 && bytes.IndexByte(p, '\r') >= 0
		for i, form := range forms {
			if form == state.FormLF {
				b.out = expand(b.out[:0], p)
				added += int64(len(b.out) - len(p))
				sums[i].Write(b.out)
			} else {
				sums[i].Write(p)
			}
		}
	}
	for i, form := range forms {
		one := got
		one.Bytes = got.OnDisk
		if form == state.FormLF && added > 0 {
			one.Form, one.Bytes = state.FormLF, got.OnDisk+added
		}
		sums[i].Sum(one.Digest[:0])
		found = append(found, one)
	}
	return found, crs, nil
}

// mtimeDate is the date that a file's time shows. Copies and archives give files the zero of a clock.
func mtimeDate(info disk.Info) int64 { return state.DateOf(time.Unix(0, info.Mtime).Unix()) }
