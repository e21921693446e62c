package maildir

import (
	"bytes"
	"io"

	"mailsync/state"
)

// spec 1.4: CRLF becomes LF where the message holds no bare CR and no bare LF;
// any other message is kept byte for byte. expand restores exactly
// what shrink took.

// shrinker makes CRLF to LF chunk by chunk.
type shrinker struct {
	cr   bool // the last chunk ended in a CR that is not written yet
	ends bool // a line end was seen
}

// shrink appends the LF form of p to dst. It reports false at the first bare CR or bare
// LF, and must not be called again then.
func (s *shrinker) shrink(dst, p []byte) ([]byte, bool) {
	if s.cr && len(p) > 0 {
		if p[0] != '\n' {
			return dst, false
		}
		s.cr, s.ends = false, true
		dst, p = append(dst, '\n'), p[1:]
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		line := p[:max(i, 0)]
		if i < 0 {
			line = p
		}
		cr := bytes.IndexByte(line, '\r')
		if cr >= 0 && cr != len(line)-1 || cr < 0 && i >= 0 {
			return dst, false
		}
		if cr >= 0 {
			line = line[:cr]
		}
		dst = append(dst, line...)
		if i < 0 {
			s.cr = cr >= 0
			break
		}
		s.ends = true
		dst, p = append(dst, '\n'), p[i+1:]
	}
	return dst, true
}

// expander reads a file in LF form as the server sent it.
type expander struct {
	r    io.Reader
	in   []byte
	out  []byte
	rest []byte // of out, not read yet
	err  error
}

func newExpander(r io.Reader) *expander {
	return &expander{r: r, in: make([]byte, 32<<10)}
}

func (e *expander) Read(p []byte) (int, error) {
	for len(e.rest) == 0 {
		if e.err != nil {
			return 0, e.err
		}
		var n int
		n, e.err = e.r.Read(e.in)
		e.out = expand(e.out[:0], e.in[:n])
		e.rest = e.out
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// expand appends p to dst with every LF made CRLF.
func expand(dst, p []byte) []byte {
	for {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return append(dst, p...)
		}
		dst = append(append(dst, p[:i]...), '\r', '\n')
		p = p[i+1:]
	}
}

// readChunk fills p as far as r goes. last is set with the end of r; an error is one of
// r's own.
func readChunk(r io.Reader, p []byte) (n int, last bool, err error) {
	n, err = state.Fill(r, p)
	if err == io.EOF {
		return n, true, nil
	}
	return n, false, err
}
