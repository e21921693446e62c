package maildir_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// failing is a reader of a body that ends with an error: after its last octet, or together
// with it.
type failing struct {
	r        io.Reader
	left     int
	err      error
	together bool
}

func (f *failing) Read(p []byte) (int, error) {
	if f.left == 0 {
		return 0, f.err
	}
	n, err := f.r.Read(p[:min(len(p), f.left)])
	if f.left -= n; f.left == 0 && f.together {
		err = f.err
	}
	return n, err
}

// An error of the reader is never the end of a body, whichever error it is, wherever it
// comes and however it is told.
func TestReceiveCut(t *testing.T) {
	const chunk = 64 << 10
	mem := disktest.NewMem(disktest.MemOptions{})
	m := create(t, mem, mem)
	body := strings.Repeat("A line of a body that is long enough.\r\n", 8*chunk/39)
	for _, cut := range []int{0, 1, 38, 39, chunk - 1, chunk, chunk + 1, 2*chunk - 1, 2 * chunk, 2*chunk + 1, 4*chunk - 1, 4 * chunk, 4*chunk + 1, 5*chunk + 7} {
		for _, bad := range []error{io.ErrUnexpectedEOF, fmt.Errorf("read: %w", io.ErrUnexpectedEOF), fmt.Errorf("read: %w", io.EOF),
			os.ErrDeadlineExceeded, io.ErrClosedPipe} {
			for _, together := range []bool{false, true} {
				for _, size := range []int64{-1, int64(cut)} {
					for name, by := range map[string]func(io.Reader) io.Reader{
						"whole": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader,
						"behind a buffer": func(r io.Reader) io.Reader { return io.MultiReader(strings.NewReader(""), r) },
					} {
						r := by(&failing{r: strings.NewReader(body), left: cut, err: bad, together: together && cut > 0})
						got, err := m.Receive(state.Incoming{UID: 1, Token: "tok", Size: size, Date: state.NoDate}, r)
						if !errors.Is(err, bad) {
							t.Fatalf("cut after %d octets (announced %d) by %q, together %t, %s: %v, and %d octets are here", cut, size, bad, together, name, err, got.Bytes)
						}
					}
				}
			}
		}
	}
}
