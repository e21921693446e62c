package imap

import (
	"reflect"
	"slices"
	"testing"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// What follows a value and does not belong there makes an answer unreadable, never shorter.
// Of each answer there are spellings that servers use, and ones that go on where they should
// have ended.
func TestAnswersThatGoOn(t *testing.T) {
	type answers struct{ read, refused []string }
	status := func(l wire.Line) (any, bool) {
		c := l.Scan()
		_ = c.Atom()
		name, st, ok := readStatus(&c)
		return []any{name, st.mark}, ok
	}
	for name, c := range map[string]struct {
		of    func(wire.Line) (any, bool)
		lines answers
		want  any
	}{
		"LIST": {
			of: func(l wire.Line) (any, bool) {
				c := l.Scan()
				_ = c.Atom()
				m, ok := readList(&c)
				return m.Sep + m.Raw, ok
			},
			want: `\a\b`,
			lines: answers{
				read: []string{
					`LIST () "\\" a\b`, `LIST () "\\" "a\\b"`, `LIST (\HasNoChildren) "\\" a\b  `, "LIST () \"\\\\\" a\\b\t",
					`LIST NIL "\\"  a\b`, `LIST () "\\" a\b ("CHILDINFO" ("SUBSCRIBED"))`, `LIST () "\\" "a\\b" ("OLDNAME" ("x y"))`,
					`LIST () "\\" a\b (X-OLD "y" X-NEW (1 2))`, `LIST () "\\" a\b ("X" 7)`, `LIST () "\\" "a\\b" (2019)`, `LIST () "\\" "a\\b" ()`,
				},
				refused: []string{
					`LIST () "\\" a\b 1`, `LIST () "\\" a\b "1"`, `LIST () "\\" "a\\b" 1`, `LIST () "\\" "a\\b"1`, `LIST () "\\" a\b)`,
					`LIST () "\\" a\b (2019)`, `LIST () "\\" a\b (copy 2)`, `LIST () "\\" a\b ()`, `LIST () "\\" a\b ("CHILDINFO" ("SUBSCRIBED")) 1`,
					`LIST () "\\" a\b ("CHILDINFO" ("SUBSCRIBED")`, `LIST () "\\" "a\b"`, `LIST () "\\/" a\b`, `LIST () NILS a\b`,
					`LIST () "\\"`, `LIST () "\\" `, `LIST (x (y) "\\" a\b`,
				},
			},
		},
		"STATUS": {
			of: status, want: []any{"a", state.Mark{Exists: 3, UIDNext: 5, UIDValidity: 7}},
			lines: answers{
				read: []string{
					"STATUS a (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7)", "STATUS \"a\" ( MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ NIL ) ",
					`STATUS a (MESSAGES 3 X-ODD ("a" (b)) UIDNEXT 5 UIDVALIDITY 7 APPENDLIMIT NIL)`,
				},
				refused: []string{
					"STATUS a 1 (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7)", "STATUS a (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7) 8",
					"STATUS a (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7x)", "STATUS a (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 8)",
					"STATUS a (MESSAGES 3 4 5 UIDNEXT 5 UIDVALIDITY 7)", "STATUS a (MESSAGES 3x 5 UIDNEXT 5 UIDVALIDITY 7)",
				},
			},
		},
		"QUOTAROOT": {
			of: func(l wire.Line) (any, bool) {
				q := quotaReader{of: map[string]state.Quota{}}
				_ = q.take(l)
				return q.roots, q.named
			},
			want:  []string{"", "x"},
			lines: answers{read: []string{`QUOTAROOT a "" x`, `QUOTAROOT a "" x `}, refused: []string{`QUOTAROOT a "" x (y)`, `QUOTAROOT a "" x)`}},
		},
		"QUOTA": {
			of: func(l wire.Line) (any, bool) {
				q := quotaReader{of: map[string]state.Quota{}}
				_ = q.take(l)
				return q.list(), len(q.names) > 0
			},
			want: []state.Quota{{Root: "r", Used: 1024, Limit: 2048}},
			lines: answers{
				read:    []string{"QUOTA r (STORAGE 1 2)", "QUOTA r (MESSAGE 8 9 STORAGE 1 2) "},
				refused: []string{"QUOTA r (STORAGE 1 2) x", "QUOTA r 1 (STORAGE 1 2)", "QUOTA r (STORAGE 1 2 3)", "QUOTA r (STORAGE 1 2x)", "QUOTA r (STORAGE 1 2"},
			},
		},
		"NAMESPACE": {
			of: func(l wire.Line) (any, bool) {
				c := l.Scan()
				_ = c.Atom()
				names, _, ok := readNamespaces(&c)
				return names, ok
			},
			want: []namespace{{"INBOX.", "."}},
			lines: answers{
				read: []string{`NAMESPACE (("INBOX." ".")) NIL NIL`, `NAMESPACE (("INBOX." ".")) (("~" "/")("x" "/")) nil `, `NAMESPACE (("INBOX." "." "X" ("y")))`},
				refused: []string{`NAMESPACE (("INBOX." ".")) NIL NIL NIL`, `NAMESPACE (("INBOX." ".")) x NIL`, `NAMESPACE (("INBOX." ".")`,
					`NAMESPACE (("INBOX." ".")x) NIL NIL`, `NAMESPACE (("INBOX." "./")) NIL NIL`, "NAMESPACE x"},
			},
		},
		"idents": {
			of: func(l wire.Line) (any, bool) {
				r := identReader{wanted: []state.UID{5}, of: map[state.UID]state.Ident{}}
				_ = r.take(l)
				return r.of[5], r.odd == nil && len(r.of) == 1
			},
			want: state.Ident{UID: 5, MessageID: "<a@b>", EmailID: "M1"},
			lines: answers{
				read: []string{`1 FETCH (UID 5 EMAILID (M1) BODY[HEADER.FIELDS (MESSAGE-ID)]<0> "Message-ID: <a@b>")`,
					`1 FETCH (UID 5 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> "Message-ID: <a@b>" EMAILID (M1) FLAGS (x)) `},
				refused: []string{`1 FETCH (UID 5 EMAILID (M1) BODY[]<0> "Message-ID: <a@b>") x`, `1 FETCH (UID 5 EMAILID (M1 M2) BODY[]<0> "Message-ID: <a@b>")`,
					`1 FETCH (UID 5 EMAILID M1 BODY[]<0> "Message-ID: <a@b>")`, `1 FETCH (UID 5x EMAILID (M1) BODY[]<0> "Message-ID: <a@b>")`,
					`1 FETCH (UID 5 EMAILID (M1) BODY[]<0> "Message-ID: <a@b>" "c")`, `1 FETCH (UID 5 EMAILID (M1) BODY[]<0> Message-ID:)`},
			},
		},
		"SEARCH": {
			of:   func(l wire.Line) (any, bool) { return found(l, (*ranges).addSearch) },
			want: []grammar.Range{{First: 3, Last: 4}, {First: 7, Last: 7}},
			lines: answers{read: []string{"SEARCH 3 4 7", "SEARCH 3 4 7 (MODSEQ 9) ", "SEARCH 7 4 3 "},
				refused: []string{"SEARCH 3 4 7 (MODSEQ 9) 11", "SEARCH 3 4 7x", "SEARCH 3 4 7 x", "SEARCH 3 4 7)", "SEARCH 3 4 7 (MODSEQ 9"}},
		},
		"ESEARCH": {
			of:   func(l wire.Line) (any, bool) { return found(l, (*ranges).addESearch) },
			want: []grammar.Range{{First: 3, Last: 4}, {First: 7, Last: 7}},
			lines: answers{read: []string{`ESEARCH (TAG "a") UID ALL 3:4,7`, `ESEARCH (TAG "a") UID COUNT 3 ALL 7,4:3 MODSEQ 9 `},
				refused: []string{`ESEARCH (TAG "a") UID ALL 3:4,7 11 12`, `ESEARCH (TAG "a") UID ALL 3:4,7 11`, `ESEARCH (TAG "a") UID ALL 3:4,7,`, `ESEARCH (TAG "a") UID ALL 3:4,7)`}},
		},
		"FETCH": {
			of: func(l wire.Line) (any, bool) {
				c := newCollector(state.NewKeywords(nil), 3)
				_ = c.take(l)
				return c.messages, !c.flawed
			},
			want: []state.OnServer{{UID: 5, Flags: state.Seen, Size: 9, Date: state.NoDate}},
			lines: answers{
				read: []string{`1 FETCH (UID 5 FLAGS (\Seen) RFC822.SIZE 9)`, `1 FETCH ( FLAGS (\Seen) RFC822.SIZE 9 UID 5 MODSEQ (3) X-ODD ("a" (1 2)) ) `},
				refused: []string{`1 FETCH (UID 5 FLAGS (\Seen) RFC822.SIZE 9) x`, `1 FETCH (UID 5 FLAGS (\Seen) RFC822.SIZE 9 8 7)`, `1 FETCH (UID 5x FLAGS (\Seen) RFC822.SIZE 9)`,
					`1 FETCH (UID 5 6 FLAGS (\Seen) RFC822.SIZE 9)`, `1 FETCH (UID 5 FLAGS \Seen RFC822.SIZE 9)`, `1 FETCH (UID 5 FLAGS (\Seen (x)) RFC822.SIZE 9)`, `1 FETCH (UID 5 UID 6 RFC822.SIZE 9)`},
			},
		},
		"codes of SELECT": {
			of: func(l wire.Line) (any, bool) {
				at := &opened{}
				at.read(l)
				return at.mark.UIDValidity, at.mark.UIDValidity != 0
			},
			want: uint32(5),
			lines: answers{read: []string{"OK [UIDVALIDITY 5] x", "OK [UIDVALIDITY 5 ] x", "OK [UIDVALIDITY 5]"},
				refused: []string{"OK [UIDVALIDITY 5x] x", "OK [UIDVALIDITY 5 6] x", "OK [UIDVALIDITY 5 x", "OK [UIDVALIDITY (x) 5] x"}},
		},
		"APPENDUID": {
			of:   func(l wire.Line) (any, bool) { a := appendUID(l.Text); return a.UID, a.UID != 0 },
			want: state.UID(7),
			lines: answers{read: []string{"APPENDUID 5 7"},
				refused: []string{"APPENDUID 5 7 8", "APPENDUID 5 7x", "APPENDUID 5 7:8", "APPENDUID 5 7,8"}},
		},
		"COPYUID": {
			of: func(l wire.Line) (any, bool) {
				c := copies{}
				c.add(l.Text, []state.UID{1, 2})
				return c.list(), len(c) > 0
			},
			want: []state.Moved{{From: 1, To: 7, UIDValidity: 5}, {From: 2, To: 8, UIDValidity: 5}},
			lines: answers{read: []string{"COPYUID 5 1:2 7:8", "COPYUID 5 1,2 7,8"},
				refused: []string{"COPYUID 5 1:2 7:8 9", "COPYUID 5 1:2 7:8x", "COPYUID 5x 1:2 7:8", "COPYUID 5 1:2 7:8,", "COPYUID 5 1:2 7"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, text := range c.lines.read {
				if got, ok := c.of(wire.Line{Text: text}); !ok || !reflect.DeepEqual(got, c.want) {
					t.Errorf("%s\nis %v, readable %v", text, got, ok)
				}
			}
			for _, text := range c.lines.refused {
				if got, ok := c.of(wire.Line{Text: text}); ok {
					t.Errorf("%s\nwas read as %v", text, got)
				}
			}
		})
	}
}

func found(l wire.Line, read func(*ranges, *grammar.Scanner) bool) (any, bool) {
	c := l.Scan()
	_ = c.Atom()
	var r ranges
	ok := read(&r, &c)
	r.sort()
	return []grammar.Range(r), ok
}

// A literal that no value is made of is no part of the answer, and not nothing either.
func TestLiteralThatBelongsToNothing(t *testing.T) {
	for text, lit := range map[string]string{`LIST () "/" a{3}`: "b c", `LIST () "/" ~{3}`: "b c", `LIST () "/" {3}`: "ab"} {
		l := &listing{byRaw: map[string]int{}}
		l.read(wire.Line{Text: text, Literals: [][]byte{[]byte(lit)}})
		if len(l.Mailboxes) != 0 || len(l.Broken) != 1 {
			t.Errorf("%s and %q is %+v", text, lit, l.Mailboxes)
		}
	}
}

// Names that differ behind a blank do not become one, and what is left of them is told.
func TestListTellsNamesThatItCannotRead(t *testing.T) {
	l := &listing{byRaw: map[string]int{}}
	for _, text := range []string{`LIST () "\\" INBOX`, `LIST () "\\" Folder\Sub`, `LIST (\HasNoChildren) "\\" Folder\Sub 1`, `LIST (\HasNoChildren) "\\" Folder\Sub 2`, `LIST () "\\" Folder\Sub`} {
		l.read(wire.Line{Text: text})
	}
	l.name()
	var raw []string
	for _, m := range l.Mailboxes {
		raw = append(raw, m.Raw)
	}
	if !slices.Equal(raw, []string{"INBOX", `Folder\Sub`}) || len(l.Broken) != 2 || !slices.Equal(l.doubles, []string{`Folder\Sub`}) {
		t.Errorf("listed %q, broken %q, twice %q", raw, l.Broken, l.doubles)
	}
}

// Dates that are none (spec 5.15), and the first and the last that are some.
func TestDates(t *testing.T) {
	for text, want := range map[string]int64{
		"30-Dec-1899 00:00:00 +0530": state.NoDate, "01-Jan-1970 00:00:00 +0000": state.NoDate, " 1-Jan-1970 00:00:00 -1200": state.NoDate,
		"00-Jan-0000 00:00:00 +0000": state.NoDate, "01-Jan-0001 00:00:00 +0000": state.NoDate, "31-Dec-1970 23:59:59 +0000": state.NoDate,
		"": state.NoDate, "02-Jan-2024 03:04:05 +0000 x": state.NoDate,
		"01-Jan-1971 00:00:00 +0000": 31_536_000, " 1-Jan-1971 01:00:00 +0100": 31_536_000, "31-Dec-2105 00:00:00 +0000": 4_291_660_800,
	} {
		if got := parseDate(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}
