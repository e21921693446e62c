package imap

import (
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"mailsync/backends/imap/grammar"
	"mailsync/backends/imap/wire"
	"mailsync/state"
)

// FuzzAnswers reads any line as every answer there is: nothing panics, and what comes
// out keeps its promises.
func FuzzAnswers(f *testing.F) {
	for _, s := range []string{
		`1 FETCH (UID 5 FLAGS (\Seen hot) INTERNALDATE " 2-Jan-2024 03:04:05 +0000" RFC822.SIZE 9)`,
		`LIST (\Noselect) "." {3}`, `LIST () NIL "a\"b"`, `STATUS "x" (MESSAGES 1 MAILBOXID (F) UIDNEXT 5)`,
		`NAMESPACE (("INBOX." "." "X" ("y"))) NIL NIL`, `ESEARCH (TAG "a") UID ALL 1:5,9:7`, "SEARCH 4 5 (MODSEQ 3)",
		`OK [PERMANENTFLAGS (\Seen \*)] x`, "OK [UIDVALIDITY 99999999999]", "COPYUID 7 1:3 9:7", `QUOTA "" (STORAGE 1 2)`, "1 FETCH (UID 5 BODY[HEADER.FIELDS (MESSAGE-ID)]<0> {3} EMAILID (M1))", "3 EXISTS", "2 EXPUNGE",
	} {
		f.Add(s, []byte("lit"))
	}
	f.Fuzz(func(t *testing.T, text string, lit []byte) {
		l := wire.Line{Text: text, Literals: [][]byte{lit}}
		c := newCollector(state.NewKeywords(nil), 3)
		_ = c.take(l)
		c.finish()
		for i, m := range c.messages {
			if m.UID == 0 || i > 0 && c.messages[i-1].UID >= m.UID {
				t.Errorf("messages %+v", c.messages)
			}
		}
		at := &opened{}
		_ = at.read(l)
		at.settable(state.NewKeywords(nil))
		names := &listing{byRaw: map[string]int{}}
		_ = names.read(l)
		names.name()
		for _, m := range names.Mailboxes {
			if m.Raw == "" || len(m.Levels) == 0 || slices.ContainsFunc(m.Levels, func(s string) bool { return !utf8.ValidString(s) }) {
				t.Errorf("listed %+v", m)
			}
		}
		quotas := &quotaReader{of: map[string]state.Quota{}}
		_ = quotas.take(l)
		for _, q := range quotas.list() {
			if q.Used < 0 || q.Limit < 0 {
				t.Errorf("quota %+v", q)
			}
		}
		idents := &identReader{wanted: []state.UID{5}, of: map[state.UID]state.Ident{}}
		_ = idents.take(l)
		for uid, id := range idents.of {
			if uid != 5 || id.UID != 5 || strings.Contains(id.MessageID, "\n") || len(id.MessageID) > maxIdent {
				t.Errorf("ident %d is %+v", uid, id)
			}
		}
		if a := appendUID(text); (a.UID == 0) != (a.UIDValidity == 0) {
			t.Errorf("appended %+v", a)
		}
		var told copies = map[state.UID]state.Moved{}
		told.add(text, []state.UID{1, 2, 3})
		for from, m := range told {
			if from < 1 || from > 3 || m.To == 0 || m.UIDValidity == 0 {
				t.Errorf("copies %v", told)
			}
		}
		var r ranges
		sc := l.Scan()
		_ = sc.Atom()
		_ = r.addESearch(&sc)
		r.sort()
		for i, x := range r {
			if x.First == 0 || x.Last < x.First || i > 0 && r[i-1].Last >= x.First {
				t.Errorf("ranges %v", r)
			}
		}
	})
}

// FuzzSets reads any set of UIDs as a server spells it: as wire does, expanded only as far
// as was asked for. UIDs that we spell are read as the same.
func FuzzSets(f *testing.F) {
	for _, s := range []string{"1", "1:3,7", "9:7,8:8,1", "4294967295,1:4294967295", "1,2,3,5", "0", "*", "1:4294967296", ",", "1,", "1:2:3", "3:3,1:1,2", "+1"} {
		f.Add(s, uint16(10))
	}
	f.Fuzz(func(t *testing.T, text string, most uint16) {
		var r ranges
		for part := range strings.SplitSeq(text, ",") {
			if !r.add(part) {
				return
			}
		}
		uids, few := spelled(text, int(most))
		if few != (r.count() <= uint64(most)) || few && uint64(len(uids)) != r.count() || len(uids) > int(most) {
			t.Fatalf("%q has %d numbers and gave %d of %d", text, r.count(), len(uids), most)
		}
		c := grammar.Scan(` (TAG "a") UID COUNT 9 ALL `+text, nil)
		var told ranges
		if !told.addESearch(&c) {
			t.Fatalf("no ESEARCH: %q", text)
		}
		r.sort()
		told.sort()
		if !slices.Equal(r, told) {
			t.Fatalf("%q is %v, and %v in an ESEARCH", text, r, told)
		}
		for i, x := range r {
			if x.First == 0 || x.Last < x.First || i > 0 && uint64(r[i-1].Last)+1 >= uint64(x.First) {
				t.Fatalf("%q became %v", text, r)
			}
		}
		if !few {
			return
		}
		slices.Sort(uids)
		uids = slices.Compact(uids)
		if uint64(len(uids)) != r.count() {
			t.Fatalf("%q has %d UIDs, and %v has %d", text, len(uids), r, r.count())
		}
		for _, uid := range uids {
			if !r.has(uid) || !r.has(uid-1) != (uid == 1 || !slices.Contains(uids, uid-1)) {
				t.Fatalf("%v: is %d in it?", r, uid)
			}
		}
		if len(uids) > 0 {
			next := uids[len(uids)/2]
			if n := r.without(ranges{{First: uint32(next), Last: math.MaxUint32}}).count(); n != uint64(len(uids)/2) {
				t.Fatalf("%v has %d below %d", r, n, next)
			}
		}
		for set, part := range setsOf(uids, len(uids)) {
			back, ok := spelled(set, len(part))
			if !ok || len(set) > maxSet+22 || !slices.Equal(back, part) || !slices.Equal(part, uids[:len(part)]) {
				t.Fatalf("%v was spelled %q", part, set)
			}
			uids = uids[len(part):]
		}
		if len(uids) > 0 {
			t.Fatalf("%v were not spelled", uids)
		}
	})
}

// FuzzName decodes any name: what comes out is text without line ends, and comes out
// again of its own encoding; where a strict reader reads a name, it reads the same.
func FuzzName(f *testing.F) {
	for _, s := range []string{"INBOX", "&AOQ-pfel", "R&D", "&-", "&AGE-", "&2D3eCg-", "&2D0-", "a&", "\xff", "&AA0-", "&AOQ-&AOQ-", "&//0-"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, ok := decodeName(raw)
		if ok && (s == "" || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\r\n")) {
			t.Errorf("%q became %q", raw, s)
		}
		if len(s) > 3*len(raw) {
			t.Errorf("%d octets became %d", len(raw), len(s))
		}
		if back, _ := decodeName(encodeName(s)); ok && back != s && !strings.ContainsRune(s, utf8.RuneError) {
			t.Errorf("%q was encoded and came back as %q", s, back)
		}
		strict, err := strictDecode(raw)
		if err == nil && ok && strict != s && !strings.ContainsRune(strict, utf8.RuneError) {
			t.Errorf("%q is %q, and %q strictly", raw, s, strict)
		}
		if ok && encodeName(s) != strictEncode(s) {
			t.Errorf("%q is spelled %q, and %q strictly", s, encodeName(s), strictEncode(s))
		}
		if text, ok := forClient(raw, false); ok && !isPlainName(raw) && strictEncode(text) != raw {
			t.Errorf("for %q imapclient would send %q", raw, strictEncode(text))
		}
		if isPlainName(raw) && (!ok || s != raw) {
			t.Errorf("plain %q became %q, %v", raw, s, ok)
		}
		c := grammar.Scan(quoteName(raw), nil)
		if back, ok := c.Str(); !ok || back != raw {
			t.Errorf("%q came back as %q", raw, back)
		}
	})
}

// FuzzLevels parts any name at any separator, below any namespace: what comes out is text,
// and only INBOX is INBOX; what we spell of levels is a name that has those levels.
func FuzzLevels(f *testing.F) {
	for _, s := range [][3]string{{"INBOX", "/", ""}, {"inbox.INBOX.x", ".", "INBOX."}, {"&AOQ-/b", "/", ""}, {"a//b", "/", "a/"}, {"#mh/a", "/", "#mh/"}, {"INBOX.Sent", ".", "Inbox."}, {"x", "", "x"}, {"INBOX.INBOX", ".", "INBOX."}, {"a&b&c", "&", ""}} {
		f.Add(s[0], s[1], s[2])
	}
	f.Fuzz(func(t *testing.T, raw, sep, prefix string) {
		personal := []namespace{{prefix, sep}}
		levels, ok := levelsOf(raw, sep, personal[0])
		if ok {
			if len(levels) == 0 || len(levels) == 1 && levels[0] == "" {
				t.Errorf("%q has the levels %q", raw, levels)
			}
			for _, l := range levels {
				if !utf8.ValidString(l) || strings.ContainsAny(l, "\x00\r\n") {
					t.Errorf("%q has the levels %q", raw, levels)
				}
			}
			if len(levels) == 1 && strings.EqualFold(levels[0], "INBOX") && !strings.EqualFold(raw, "INBOX") && isPlainName(raw) {
				t.Errorf("%q became INBOX", raw)
			}
		}
		// Any levels: those the name has without the namespace, as a tree would have them.
		levels = NameOf(raw, sep)
		spelled, err := rawName(levels, sep, personal)
		if err != nil {
			return
		}
		back, ok := levelsOf(spelled, sep, personal[0])
		below := len(levels) > 1 && strings.EqualFold(levels[0], "INBOX") && slices.Equal(back, levels[1:])
		inbox := spelled == "INBOX" && len(levels) == 1 && strings.EqualFold(levels[0], "INBOX")
		if !ok || !slices.Equal(back, levels) && !below && !inbox {
			t.Errorf("%q would be made as %q, which has the levels %q", levels, spelled, back)
		}
	})
}
