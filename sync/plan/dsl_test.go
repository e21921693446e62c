package plan

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"mailsync/internal/testkit/rows"

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

func parseServer(t testing.TB, s string) *state.ServerSnapshot {
	t.Helper()
	if s == "unread" {
		return nil
	}
	sn := &state.ServerSnapshot{All: true, Complete: true, Permanent: ^state.Flags(0), ReadOnly: true}
	for _, w := range rows.Split(s) {
		switch w[0] {
		case "delta":
			sn.All = false
		case "partial":
			sn.Complete = false
		case "gone":
			sn.Gone = append(sn.Gone, rows.UID(t, w[1]))
		default:
			m := state.OnServer{UID: rows.UID(t, w[0]), Size: rows.Size, Date: rows.Date}
			for _, x := range w[1:] {
				if n, ok := strings.CutPrefix(x, "size="); ok {
					m.Size, _ = strconv.ParseInt(n, 10, 64)
				} else {
					m.Flags = rows.Flags(t, x)
				}
			}
			sn.Messages = append(sn.Messages, m)
		}
	}
	return sn
}

func parseDisk(t testing.TB, s string) *state.DiskSnapshot {
	t.Helper()
	d := &state.DiskSnapshot{Scanned: true, Complete: true, Can: state.System}
	for _, w := range rows.Split(s) {
		switch w[0] {
		case "unread":
			d.Scanned = false
		case "partial":
			d.Complete = false
		case "keywords":
			d.Can = ^state.Flags(0)
		case "x":
			d.Foreign = append(d.Foreign, state.Foreign{Name: "cur/x", Flags: rows.Flags(t, w[1])})
		default:
			m := state.OnDisk{UID: rows.UID(t, w[0]), Variant: max(1, rows.Variant(t, w[0])), Size: rows.Size, Name: uint32(len(d.Names))}
			for _, x := range w[1:] {
				if n, ok := strings.CutPrefix(x, "size="); ok {
					m.Size, _ = strconv.ParseInt(n, 10, 64)
				} else {
					x, m.Silent = strings.CutPrefix(x, "~")
					x, m.Hidden = strings.CutPrefix(x, "^")
					m.Hidden = m.Hidden || m.Silent
					m.Flags = rows.Flags(t, x)
				}
			}
			d.Names = append(d.Names, fmt.Sprintf("cur/%s:%d\x00", strings.Join(w, ","), len(d.Messages))...)
			d.Messages = append(d.Messages, m)
		}
	}
	return d
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
