package sync

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"mailsync/state"
)

// The tests write a world in three columns:
//
//	base    "1 live S F"        uid, status, seen flags, agreed flags ("-" is none)
//	server  "1 S; 2 -"          uid, flags; "gone 3" is out of a delta, "delta", "partial"
//	disk    "1 S; 2.2 -; x S"   uid[.variant], flags; x is a file without a token; "partial", "unread";
//	                            "1 ~S" shows S and says nothing of other flags, "1 ^S" is read by nobody but us
//
// and a plan as "fetch 2; agree 1 live S".

// Sizes and dates: every message has these unless a column says "size=…".
const (
	testSize = 100
	testDate = 1700000000
)

func parseFlags(t testing.TB, s string) (f state.Flags) {
	t.Helper()
	for _, c := range strings.TrimPrefix(s, "-") {
		i := strings.IndexRune("SRFDPT", c)
		switch {
		case i >= 0:
			f |= 1 << i
		case c >= '0' && c <= '9':
			f |= 1 << (8 + c - '0') // a keyword
		default:
			t.Fatalf("bad flags %q", s)
		}
	}
	return f
}

func parseBase(t testing.TB, s string) (recs []state.Record) {
	t.Helper()
	for _, w := range split(s) {
		rec := state.Record{UID: uidOf(t, w[0]), Variant: variantOf(t, w[0]), Status: statusOf(t, w[1]), Size: testSize, Date: testDate}
		if n, ok := strings.CutPrefix(w[len(w)-1], "size="); ok {
			rec.Size, _ = strconv.ParseInt(n, 10, 64)
			w = w[:len(w)-1]
		}
		if len(w) > 2 {
			rec.Seen = parseFlags(t, w[2])
			rec.Agreed = rec.Seen
		}
		if len(w) > 3 {
			rec.Agreed = parseFlags(t, w[3])
		}
		recs = append(recs, rec)
	}
	return recs
}

func parseServer(t testing.TB, s string) *state.ServerSnapshot {
	t.Helper()
	if s == "unread" {
		return nil
	}
	sn := &state.ServerSnapshot{All: true, Complete: true, Permanent: ^state.Flags(0), ReadOnly: true}
	for _, w := range split(s) {
		switch w[0] {
		case "delta":
			sn.All = false
		case "partial":
			sn.Complete = false
		case "gone":
			sn.Gone = append(sn.Gone, uidOf(t, w[1]))
		default:
			m := state.OnServer{UID: uidOf(t, w[0]), Size: testSize, Date: testDate}
			for _, x := range w[1:] {
				if n, ok := strings.CutPrefix(x, "size="); ok {
					m.Size, _ = strconv.ParseInt(n, 10, 64)
				} else {
					m.Flags = parseFlags(t, x)
				}
			}
			sn.Messages = append(sn.Messages, m)
		}
	}
	return sn
}

func parseDisk(t testing.TB, s string) *state.DiskSnapshot {
	t.Helper()
	d := &state.DiskSnapshot{Said: true, Complete: true, Can: state.System}
	for _, w := range split(s) {
		switch w[0] {
		case "unread":
			d.Said = false
		case "partial":
			d.Complete = false
		case "keywords":
			d.Can = ^state.Flags(0)
		case "x":
			d.Foreign = append(d.Foreign, state.Foreign{Name: "cur/x", Flags: parseFlags(t, w[1])})
		default:
			m := state.OnDisk{UID: uidOf(t, w[0]), Variant: max(1, variantOf(t, w[0])), Size: testSize, Name: uint32(len(d.Names))}
			for _, x := range w[1:] {
				if n, ok := strings.CutPrefix(x, "size="); ok {
					m.Size, _ = strconv.ParseInt(n, 10, 64)
				} else {
					x, m.Silent = strings.CutPrefix(x, "~")
					x, m.Hidden = strings.CutPrefix(x, "^")
					m.Hidden = m.Hidden || m.Silent
					m.Flags = parseFlags(t, x)
				}
			}
			d.Names = append(d.Names, fmt.Sprintf("cur/%s:%d\x00", strings.Join(w, ","), len(d.Messages))...)
			d.Messages = append(d.Messages, m)
		}
	}
	return d
}

func split(s string) (out [][]string) {
	for part := range strings.SplitSeq(s, ";") {
		if w := strings.Fields(part); len(w) > 0 {
			out = append(out, w)
		}
	}
	return out
}

func uidOf(t testing.TB, s string) state.UID {
	t.Helper()
	s, _, _ = strings.Cut(s, ".")
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatalf("bad uid %q", s)
	}
	return state.UID(n)
}

func variantOf(t testing.TB, s string) uint8 {
	t.Helper()
	_, v, _ := strings.Cut(s, ".")
	n, _ := strconv.Atoi(v)
	return uint8(n)
}

func statusOf(t testing.TB, s string) state.Status {
	t.Helper()
	for st := state.Live; st <= state.Archived; st++ {
		if strings.ReplaceAll(st.String(), " ", "-") == s {
			return st
		}
	}
	t.Fatalf("bad status %q", s)
	return 0
}

// spell writes a plan as the tables do.
func spell(ops []Op) string {
	var out []string
	for _, o := range ops {
		s := fmt.Sprintf("%v %d", o.Kind, o.UID)
		switch o.Kind {
		case OpFlagServer, OpFlagDisk:
			s += " " + o.Flags.String()
		case OpAgree:
			s += " " + strings.ReplaceAll(o.Status.String(), " ", "-") + " " + o.Flags.String()
		case OpAppend:
			s = "append " + o.Name
		}
		out = append(out, s)
	}
	return strings.Join(out, "; ")
}
