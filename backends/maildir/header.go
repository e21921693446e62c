package maildir

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"

	"mailsync/state"
)

// headed reports whether bytes begin with a header field: a name of printable US-ASCII and a colon
// (RFC 5322 section 2.2). The line that mbox puts in front of a message is passed over.
func headed(p []byte) bool {
	if bytes.HasPrefix(p, []byte("From ")) || bytes.HasPrefix(p, []byte(">From ")) {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return false
		}
		p = p[i+1:]
	}
	name, _, ok := bytes.Cut(p, []byte(":"))
	name = bytes.TrimRight(name, " \t") // as RFC 5322 section 4.5 lets old mail have it
	return ok && len(name) > 0 && bytes.IndexFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) < 0
}

// SameText reports whether a received body, which still lies in tmp/, is the message that a file is but
// for its header: the Message-IDs are equal, and so is, to the last octet, all behind the first empty
// line. Where neither has a Message-ID, there has to be a text. With anyID the text alone decides, if
// there is one. fs.ErrNotExist says that the file is gone.
func (m *Maildir) SameText(name string, got state.Received, anyID bool) (bool, error) {
	old, err := m.Body(name, state.FormUnknown)
	if err != nil {
		return false, err
	}
	defer old.Close()
	tmp := m.at(path.Join(dirTmp, got.Tmp))
	file, err := m.fs.Open(tmp)
	if err != nil {
		return false, fault(err, "open %s", tmp)
	}
	defer file.Close()
	var fresh io.Reader = file
	if got.Form == state.FormLF {
		fresh = newExpander(file)
	}
	a, b := bufio.NewReaderSize(old, chunkSize), bufio.NewReaderSize(fresh, chunkSize)
	idA, okA, errA := header(a)
	idB, okB, errB := header(b)
	if err := errors.Join(errA, errB); err != nil || !okA || !okB || idA != idB && !anyID {
		return false, err
	}
	octets, same, err := equal(a, b)
	return same && (idA != "" && idA == idB || octets > 0), err
}

// header reads a header and the empty line behind it, and returns its Message-ID, as far as it lies
// within maxHeader octets. It is false where there is no such line.
func header(r *bufio.Reader) (id string, ok bool, err error) {
	var text []byte
	for begins := true; ; {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return "", false, err
		}
		if begins && len(bytes.TrimRight(line, "\r\n")) == 0 {
			id, err = messageID(bytes.NewReader(text))
			return id, true, err
		}
		text = append(text, line[:min(len(line), maxHeader-len(text))]...)
		begins = err == nil
	}
}

// equal reads both to their ends, and reports whether they are the same.
func equal(a, b io.Reader) (octets int64, same bool, err error) {
	x, y := make([]byte, chunkSize), make([]byte, chunkSize)
	for {
		n, lastA, errA := readChunk(a, x)
		k, lastB, errB := readChunk(b, y)
		octets += int64(n)
		if err := errors.Join(errA, errB); err != nil {
			return octets, false, err
		}
		if lastA != lastB || !bytes.Equal(x[:n], y[:k]) {
			return octets, false, nil
		}
		if lastA {
			return octets, true, nil
		}
	}
}
