package imap

import (
	"math"
	"strings"
	"time"

	"mailsync/backends/imap/grammar"
	"mailsync/state"
)

// fetched is what one FETCH answer without a body holds.
type fetched struct {
	uid      uint64
	hasUID   bool
	flags    string // between the parentheses
	hasFlags bool
	size     int64 // -1 unknown
	date     int64 // state.NoDate unknown
}

// bare reports whether it holds flags only, as one does that nobody asked for.
func (f *fetched) bare() bool { return f.size < 0 && f.date == state.NoDate }

// readFetch reads (UID 5 FLAGS (\Seen) …) as far as it can be understood; ok is false
// where it could not be read to its end.
func readFetch(c *grammar.Scanner) (f fetched, ok bool) {
	f.size, f.date = -1, state.NoDate
	ok = c.Items(func(name string) bool { return f.item(name, c) })
	return f, ok && c.Done()
}

// isFetch reports whether an answer is a FETCH, and reads up to its items.
func isFetch(c *grammar.Scanner) bool {
	_, ok := c.Number()
	c.SP()
	return ok && strings.EqualFold(c.Atom(), "FETCH")
}

func (f *fetched) item(name string, c *grammar.Scanner) bool {
	switch name {
	case "UID":
		n, ok := c.Number()
		if !ok || f.hasUID && n != f.uid {
			return false
		}
		f.uid, f.hasUID = n, true
	case "FLAGS":
		if f.flags, f.hasFlags = c.List(); !f.hasFlags {
			return c.Null()
		}
	case "RFC822.SIZE":
		n, ok := c.Number()
		if !ok {
			return c.Skip()
		}
		if n <= math.MaxInt64 {
			f.size = int64(n)
		}
	case "INTERNALDATE":
		s, ok := c.Str()
		if !ok {
			return c.Skip() // NIL
		}
		f.date = parseDate(s)
	default:
		return c.Skip()
	}
	return true
}

// parseDate reads a date-time (RFC 9051 section 9), also one whose day is padded with a blank, as some
// servers send it. One that cannot be read is not a date, and neither is a server's zero.
func parseDate(s string) int64 {
	t, err := time.Parse("2-Jan-2006 15:04:05 -0700", strings.TrimLeft(s, " "))
	if err != nil {
		return state.NoDate
	}
	return state.DateOf(t.Unix())
}

// flagReader turns lists of flags into bits. Mailboxes have few different lists, so it
// remembers them.
type flagReader struct {
	kw   *state.Keywords
	memo map[string]state.Flags
}

const maxMemo = 4096

func (r *flagReader) read(list string) state.Flags {
	if f, ok := r.memo[list]; ok {
		return f
	}
	var f state.Flags
	for _, name := range strings.Fields(list) {
		f |= r.bit(name)
	}
	if r.memo == nil {
		r.memo = map[string]state.Flags{}
	}
	if len(r.memo) < maxMemo {
		r.memo[strings.Clone(list)] = f
	}
	return f
}

// bit returns a flag's bit, 0 for those that are the server's own: \Recent, and
// system flags that are unknown here.
func (r *flagReader) bit(name string) state.Flags {
	known := state.NewKeywords(nil)
	if bit, ok := known.Bit(name); ok && bit&state.System != 0 {
		return bit
	}
	if strings.HasPrefix(name, `\`) || r.kw == nil {
		return 0
	}
	bit, _ := r.kw.Bit(strings.Clone(name))
	return bit
}
