package imap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/imap/wire"
	script "mailsync/internal/testkit/imapscript"
	"mailsync/state"
)

// served sends a command to a server that answers it so, and hands the answers to take.
func served(t *testing.T, command, answer string, take func(wire.Line) error) error {
	t.Helper()
	c := wire.New(script.Answering("* OK hi", answer), wire.Options{})
	ended := make(chan struct{})
	go func() { // in imapclient's place
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	_, err := c.Do(ctx, command, take)
	if err == nil {
		_ = c.Close()
	}
	select {
	case <-ended:
	case <-ctx.Done():
		t.Fatalf("it hangs on %q", answer)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Fatalf("no end of %q", answer)
	}
	return err
}

// spelledMessage is the FETCH of a message, in one of the ways that servers have.
func spelledMessage(d *script.Dice, seq int, m state.OnServer, flags []string, date string) string {
	items := []string{
		fmt.Sprintf("%s %d", d.Case("UID"), m.UID),
		d.Case("FLAGS") + " (" + strings.Join(flags, d.Pick(" ", "  ")) + ")",
	}
	if len(flags) == 0 && d.Of(2) == 1 {
		items[1] = "FLAGS NIL"
	}
	if m.Size >= 0 {
		items = append(items, fmt.Sprintf("%s %d", d.Case("RFC822.SIZE"), m.Size))
	}
	if m.Date != state.NoDate {
		items = append(items, d.Case("INTERNALDATE")+" "+d.Pick(`"`+date+`"`, fmt.Sprintf("{%d}\r\n%s", len(date), date)))
	}
	for range d.Of(3) {
		items = append(items, d.Pick("MODSEQ (12)", "EMAILID (M1)", "X-WORD atom", `X-TEXT "a) \" (UID 9"`, "X-LIT {8}\r\na) UID 9",
			"ENVELOPE (NIL (\"x\" {2}\r\n)( NIL) ())", "BODY[HEADER.FIELDS (UID FLAGS)]<0> NIL", "X-NONE NIL", "X-EMPTY ()", "X-MORE (UID 9 FLAGS (x))"))
	}
	d.Shuffle(items)
	return fmt.Sprintf("* %d %s %s(%s%s)%s\r\n", seq, d.Case("FETCH"), d.Pick("", " "), strings.Join(items, d.Pick(" ", "  ")), d.Pick("", " "), d.Pick("", " "))
}

// Whatever way of many a server has to spell its messages: the listing is exactly what it
// has. One that is cut off anywhere is an error.
func FuzzScannedListing(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, uint16(0))
	f.Add([]byte("3aaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbccccccccccccccccccccc"), uint16(70))
	f.Add([]byte("\x05zyxwvutsrqponmlkjihgfedcba0123456789zyxwvutsrqponmlkjihgfedcba0123456789"), uint16(1))
	f.Fuzz(func(t *testing.T, choices []byte, cut uint16) {
		d := script.Dice(choices)
		kw := state.NewKeywords([]string{"hot", "$Junk"})
		words := []string{`\Seen`, `\Answered`, `\Recent`, `\seen`, "hot", "$junk", `\XYZ`, `\Deleted`, "$Forwarded"}
		var answer strings.Builder
		want := map[state.UID]state.OnServer{}
		n := d.Of(6)
		for i := range n {
			m := state.OnServer{UID: state.UID(1 + d.Of(40)), Size: -1, Date: state.NoDate}
			if d.Of(20) == 19 {
				m.UID = 4294967295 - m.UID
			}
			if _, double := want[m.UID]; double {
				continue
			}
			if d.Of(5) != 4 {
				m.Size = int64(d.Of(256)) << (8 * d.Of(4))
			}
			date := fmt.Sprintf("%s-Jan-20%02d 03:04:05 +0130", d.Pick("02", " 2", "2"), 10+d.Of(80))
			if m.Date = parseDate(date); m.Date == state.NoDate {
				t.Fatalf("no date: %q", date)
			}
			if m.Size >= 0 && d.Of(5) == 4 {
				m.Date = state.NoDate
			}
			var flags []string
			for range d.Of(4) {
				word := d.Pick(words...)
				flags = append(flags, word)
				if bit, known := kw.Bit(word); known && bit&(state.System|3<<8) != 0 && !strings.EqualFold(word, `\Recent`) && word != `\XYZ` {
					m.Flags |= bit
				}
			}
			answer.WriteString(spelledMessage(&d, i+1, m, flags, date))
			want[m.UID] = m
			switch d.Of(8) {
			case 5: // a flag changes while it lists
				m.Flags = state.Seen
				want[m.UID] = m
				fmt.Fprintf(&answer, "* %d FETCH (FLAGS (\\Seen) UID %d)\r\n", i+1, m.UID)
			case 6:
				answer.WriteString("* OK [ALERT] (UID 7\r\n* 9 EXISTS\r\n* 0 RECENT\r\n")
			case 7:
				fmt.Fprintf(&answer, "* %d FETCH (FLAGS (\\Seen))\r\n", i+1) // of which message, nobody knows
			}
		}
		answer.WriteString("W1 OK done\r\n")
		all := answer.String()
		whole := cut == 0 || int(cut) >= len(all)
		if !whole {
			all = all[:cut]
		}
		c := newCollector(kw, uint32(n))
		err := served(t, "UID FETCH 1:* "+scanItems, all, c.take)
		if (err == nil) != whole {
			t.Fatalf("err %v of %q", err, all)
		}
		if !whole {
			return
		}
		c.finish()
		var list []state.OnServer
		for _, m := range want {
			list = append(list, m)
		}
		slices.SortFunc(list, func(a, b state.OnServer) int { return cmp.Compare(a.UID, b.UID) })
		if c.flawed || !slices.Equal(c.messages, list) {
			t.Fatalf("%q\nlists %+v, flawed %v %v\nwant  %+v", all, c.messages, c.flawed, c.trouble, list)
		}
	})
}

// spelledName is a mailbox name as servers spell it.
func spelledName(d *script.Dice, raw string) string {
	ways := []string{quoteName(raw), fmt.Sprintf("{%d}\r\n%s", len(raw), raw)}
	if raw != "" && !strings.ContainsAny(raw, " \t\"\\(){%*]") && !strings.EqualFold(raw, "NIL") {
		ways = append(ways, raw)
	}
	return d.Pick(ways...)
}

// Whatever way of many a server has to list its mailboxes: those are listed, with what
// STATUS told of each.
func FuzzListedMailboxes(f *testing.F) {
	f.Add([]byte{4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, "odd name", uint16(0))
	f.Add([]byte("3aaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbccccccccccccccccccccc"), "Gesch&AOQ-ft", uint16(70))
	f.Add([]byte("\x05zyxwvutsrqponmlkjihgfedcba0123456789zyxwvutsrqponmlkjihgfedcba0123456789"), `a"b\c{3}`, uint16(1))
	f.Fuzz(func(t *testing.T, choices []byte, own string, cut uint16) {
		d := script.Dice(choices)
		names := []string{"INBOX", "a", "a/b", "a.b", "NIL", "R&-D", "x y", `q"q\`, "&AOQ-", "(p)", "a{3}", "Ünï", own}
		var answer strings.Builder
		var want []state.Listed
		used := map[string]bool{}
		for range d.Of(6) {
			m := state.Listed{Raw: d.Pick(names...), Sep: d.Pick("/", ".", `\`, ""), Size: -1}
			levels, readable := levelsOf(m.Raw, m.Sep, namespace{})
			if used[strings.ToUpper(m.Raw)] || !readable || strings.ContainsAny(m.Raw, "\r\n\x00") {
				continue
			}
			used[strings.ToUpper(m.Raw)], m.Levels = true, levels
			var attrs []string
			for range d.Of(4) {
				attr := d.Pick(`\HasNoChildren`, `\Noselect`, `\Subscribed`, `\Sent`, `\sent`, `\X-Own`, `\NonExistent`)
				attribute(&m, attr)
				attrs = append(attrs, attr)
			}
			sep := d.Pick(`"`+strings.ReplaceAll(m.Sep, `\`, `\\`)+`"`, fmt.Sprintf("{%d}\r\n%s", len(m.Sep), m.Sep))
			if m.Sep == "" {
				sep = d.Case("NIL")
			}
			fmt.Fprintf(&answer, "* %s (%s) %s %s%s\r\n", d.Case("LIST"), strings.Join(attrs, " "), sep, spelledName(&d, m.Raw),
				d.Pick("", ` ("CHILDINFO" ("SUBSCRIBED"))`, " (X {2}\r\n)))", " "))
			if d.Of(3) > 0 {
				m.Mark = state.Mark{Exists: uint32(d.Of(256)), UIDNext: uint32(d.Of(256)) << 24, UIDValidity: 1 + uint32(d.Of(256)), ModSeq: uint64(d.Of(256)) << 55}
				m.HasMark, m.MailboxID, m.Size = true, d.Pick("", "F1-_x"), int64(d.Of(256))-1
				items := []string{fmt.Sprintf("%s %d", d.Case("MESSAGES"), m.Mark.Exists), fmt.Sprintf("UIDNEXT %d", m.Mark.UIDNext),
					fmt.Sprintf("UIDVALIDITY %d", m.Mark.UIDValidity), fmt.Sprintf("HIGHESTMODSEQ %d", m.Mark.ModSeq)}
				if m.MailboxID != "" {
					items = append(items, "MAILBOXID ("+m.MailboxID+")")
				}
				if m.Size >= 0 {
					items = append(items, fmt.Sprintf("SIZE %d", m.Size))
				}
				for range d.Of(2) {
					items = append(items, d.Pick("X-ODD (MESSAGES 9)", `X-TEXT ") MESSAGES 9"`, "UNSEEN 3", "X-LIT {3}\r\n) ("))
				}
				d.Shuffle(items)
				fmt.Fprintf(&answer, "* %s %s (%s)\r\n", d.Case("STATUS"), spelledName(&d, m.Raw), strings.Join(items, d.Pick(" ", "  ")))
			}
			want = append(want, m)
		}
		answer.WriteString("W1 OK done\r\n")
		all := answer.String()
		whole := cut == 0 || int(cut) >= len(all)
		if !whole {
			all = all[:cut]
		}
		l := &listing{byRaw: map[string]int{}}
		err := served(t, `LIST "" "*"`, all, func(w wire.Line) error { l.read(w); return nil })
		if (err == nil) != whole {
			t.Fatalf("err %v of %q", err, all)
		}
		if !whole {
			return
		}
		l.name()
		apart(want)
		if shared := sharing(l.Mailboxes); len(shared) > 0 {
			t.Fatalf("%q\nnames %+v, and %v share one", all, l.Mailboxes, shared)
		}
		if !reflect.DeepEqual(l.Mailboxes, want) || len(l.Broken) > 0 {
			t.Fatalf("%q\nlists %+v, broken %q\nwant  %+v", all, l.Mailboxes, l.Broken, want)
		}
	})
}

// Whatever way of many a server has to tell of its quotas and namespaces: those are read.
func FuzzQuotaAndNamespaces(f *testing.F) {
	f.Add([]byte{4, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, "User quota")
	f.Add([]byte("3zyxwvutsrqponmlkjihgfedcba0123456789aaaaaaaabbbbbbbbbbcccc"), "INBOX.")
	f.Add([]byte("\x05zyxwvutsrqponmlkjihgfedcba0123456789zyxwvutsrqponmlkjihgfedcba0123456789"), `a"b\c{3} (STORAGE 1 2)`)
	f.Fuzz(func(t *testing.T, choices []byte, own string) {
		if strings.ContainsAny(own, "\r\n\x00") {
			return
		}
		d := script.Dice(choices)
		names := []string{"", "User quota", "x", own}
		var answer, roots strings.Builder
		var want []state.Quota
		told := d.Of(3) > 0
		for i := range d.Of(4) {
			if slices.Contains(names[:i], names[i]) {
				break
			}
			q := state.Quota{Root: names[i], Used: int64(d.Of(256)) << 30, Limit: int64(d.Of(256)) << (10 + 5*d.Of(8))}
			other := []string{"MESSAGE 1 2", fmt.Sprintf("%s %d %d", d.Case("STORAGE"), q.Used>>10, q.Limit>>10), "X-OTHER 3 4"}[d.Of(2):][:2]
			if q.Limit == 0 && d.Of(2) == 1 { // a root without a limit
				fmt.Fprintf(&answer, "* QUOTA %s\r\n", spelledName(&d, q.Root))
			} else {
				fmt.Fprintf(&answer, "* %s %s (%s)\r\n", d.Case("QUOTA"), spelledName(&d, q.Root), strings.Join(other, d.Pick(" ", "  ")))
				want = append(want, q)
			}
			roots.WriteString(" " + spelledName(&d, q.Root))
		}
		if told {
			answer.WriteString("* " + d.Case("QUOTAROOT") + " " + spelledName(&d, "INBOX") + roots.String() + "\r\n")
		}

		prefixes := []namespace{{"", "/"}, {"INBOX.", "."}, {own, `\`}, {"#flat", ""}}
		var personal []namespace
		var list strings.Builder
		for range d.Of(4) {
			n := prefixes[d.Of(len(prefixes))]
			personal = append(personal, n)
			sep := d.Case("NIL")
			if n.sep != "" {
				sep = quoteName(n.sep)
			}
			prefix := d.Pick(quoteName(n.prefix), fmt.Sprintf("{%d}\r\n%s", len(n.prefix), n.prefix))
			fmt.Fprintf(&list, "(%s %s%s)", prefix, sep, d.Pick("", ` "X-PARAM" ("FLAG1" "x)(")`, " "))
		}
		spelled := "(" + list.String() + ")"
		if len(personal) == 0 {
			spelled = "NIL"
		}
		fmt.Fprintf(&answer, "* %s %s NIL ((\"#shared/\" \"/\"))\r\nW1 OK done\r\n", d.Case("NAMESPACE"), spelled)

		q := &quotaReader{of: map[string]state.Quota{}}
		l := &listing{}
		err := served(t, "GETQUOTAROOT INBOX", answer.String(), func(w wire.Line) error {
			return errors.Join(l.read(w), q.take(w))
		})
		if quotas := q.list(); err != nil || !slices.Equal(quotas, want) {
			t.Fatalf("%q\nhas %+v, %v\nwant %+v", answer.String(), quotas, err, want)
		}
		if !slices.Equal(l.personal, personal) {
			t.Fatalf("%q\nhas %+v\nwant %+v", answer.String(), l.personal, personal)
		}
	})
}
