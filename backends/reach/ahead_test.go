package reach

import (
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// scripted is a connection that gives its pieces, one a read, and then an error; the last piece comes with it.
type scripted struct {
	net.Conn
	pieces []string
	reads  int
	end    error
}

func (s *scripted) Read(b []byte) (n int, err error) {
	s.reads++
	if len(s.pieces) > 0 {
		n = copy(b, s.pieces[0])
		s.pieces = s.pieces[1:]
	}
	if len(s.pieces) == 0 {
		err = s.end
	}
	return n, err
}

// What is read ahead is all that was sent, in its order, and the error behind it.
func TestReadAhead(t *testing.T) {
	broke := errors.New("broke")
	s := &scripted{pieces: []string{"a record, another", " one, and ", "the last"}, end: broke}
	a := &ahead{Conn: s}
	got, err := io.ReadAll(iotest.OneByteReader(a))
	if string(got) != "a record, another one, and the last" || !errors.Is(err, broke) {
		t.Errorf("read %q, %v", got, err)
	}
	if s.reads != 4 { // one a piece, one for the error
		t.Errorf("%d reads of the connection", s.reads)
	}
}
