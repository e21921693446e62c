package imap

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// smallBody is the size up to which a body is read before it is sent, so that one that is
// not what it should be costs no connection.
const smallBody = 64 << 10

// ahead reads all of a small body; a large one is left to be read while it is sent.
func ahead(body io.Reader, size int64) (io.Reader, error) {
	if size < 0 {
		return nil, fmt.Errorf("message of %d octets", size)
	}
	if size > smallBody {
		return body, nil
	}
	b, err := io.ReadAll(io.LimitReader(body, size+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read message: %w", err)
	case int64(len(b)) != size:
		return nil, fmt.Errorf("message is not of %d octets, as announced", size)
	}
	return bytes.NewReader(b), nil
}

// mustAsk reports whether the server has to be asked before a literal is sent. A large
// one it may want to refuse before it has crossed the network (RFC 7888 section 4).
func (s *session) mustAsk(size int64) bool {
	switch {
	case s.caps.Has(goimap.CapLiteralPlus):
		return size > 1<<20
	case s.caps.Has(goimap.CapLiteralMinus):
		return size > 4096
	}
	return true
}

// command spells an APPEND up to its literal (RFC 9051 section 6.3.12).
func (ap *appending) command(i int) string {
	msg := &ap.msgs[i]
	line := "APPEND " + quoteName(ap.raw)
	if flags := ap.flags(i); len(flags) > 0 {
		line += " (" + strings.Join(flags, " ") + ")"
	}
	if msg.Date != state.NoDate {
		if t := time.Unix(msg.Date, 0).UTC(); t.Year() > 0 && t.Year() < 10000 {
			line += t.Format(` "02-Jan-2006 15:04:05 -0700"`)
		}
	}
	return line
}

// flags are those of a message that a command can carry; without keywords where the
// server has refused it with them.
func (ap *appending) flags(i int) []string {
	f := ap.msgs[i].Flags
	if ap.bare[i] {
		f &^= ap.words(i)
	}
	return slices.DeleteFunc(ap.kw.NamesOf(f), func(n string) bool { return !isFlagName(n) })
}

// words are the keywords among a message's flags that a command can carry.
func (ap *appending) words(i int) (words state.Flags) {
	for f := ap.msgs[i].Flags &^ (state.System &^ state.Forwarded); f != 0; f &= f - 1 {
		if slices.ContainsFunc(ap.kw.NamesOf(f&-f), isFlagName) {
			words |= f & -f
		}
	}
	return words
}

// appendUID reads APPENDUID uidvalidity uid (RFC 4315 section 3).
func appendUID(code string) state.Appended {
	f := strings.Fields(code)
	if len(f) != 3 || f[0] != "APPENDUID" {
		return state.Appended{}
	}
	validity, ok := uid32(f[1])
	uid, also := uid32(f[2])
	if !ok || !also {
		return state.Appended{}
	}
	return state.Appended{UIDValidity: validity, UID: state.UID(uid)}
}

// uid32 reads a number of 32 bits that is not 0.
func uid32(s string) (uint32, bool) {
	n, ok := grammar.Number32(s)
	return n, ok && n > 0
}
