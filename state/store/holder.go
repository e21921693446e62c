package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Holder is the run that holds a lock, as it noted itself in it; or, where it did not come to its
// end, the last one that held it. The zero Holder is nobody.
type Holder struct {
	PID     int
	Since   time.Time // by the clock of that run
	Command string    // "" where it is not known
}

// ReadHolder returns the run that holds the lock of a state directory. Where held is false, the one
// it returns was killed, or its machine lost power. It waits for nothing, and keeps no run from
// starting. A lock that cannot be read is nobody's.
func ReadHolder(dir string) (h Holder, held bool) {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return Holder{}, false
	}
	defer func() { _ = f.Close() }() // it was only read
	if h = readHolder(f); h == (Holder{}) {
		return h, false // who ends empties it
	}
	switch err := flockShared(f); {
	case errors.Is(err, errLockHeld):
		return h, true
	case err != nil: // a file system without locks
		return Holder{}, false
	}
	// Who held it may have ended since it was read, and emptied it.
	return readHolder(f), false
}

// readHolder reads what a lock holds; what cannot be read is nobody.
func readHolder(f *os.File) (h Holder) {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 200))
	if err != nil {
		return Holder{}
	}
	words := strings.Fields(string(b))
	if len(words) == 0 {
		return Holder{}
	}
	if h.PID, err = strconv.Atoi(words[0]); err != nil || h.PID <= 0 {
		return Holder{}
	}
	if len(words) > 1 {
		h.Since, _ = time.Parse(time.RFC3339, words[1]) // else it is not known
	}
	if len(words) > 2 {
		h.Command = words[2]
	}
	return h
}

func (h Holder) encode() []byte {
	return fmt.Appendf(nil, "%s\n", strings.TrimSpace(fmt.Sprintf("%d %s %s", h.PID, h.Since.UTC().Format(time.RFC3339), h.Command)))
}

// String is the holder for people: "another run (sync, process 4711)".
func (h Holder) String() string {
	switch {
	case h.PID == 0:
		return "another run"
	case h.Command == "":
		return fmt.Sprintf("another run (process %d)", h.PID)
	}
	return fmt.Sprintf("another run (%s, process %d)", h.Command, h.PID)
}
