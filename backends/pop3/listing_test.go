package pop3

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// Whatever UIDL and LIST say, the messages come out in the order of their numbers, each
// once, none with a unique-id that another has; and a listing is complete only if every
// number from 1 on was told of once by both. Whether LIST has the order of UIDL changes nothing.
func FuzzListing(f *testing.F) {
	for _, s := range [][2]string{{"1 a\n2 b", "1 10\n2 20"}, {"1 a\n1 b", "1 1\n2 2"}, {"2 a", "1 1"}, {"", ""}, {"1", "1"}, {"0 x\n-1 y\n4294967296 z", "1 99999999999999999999"}, {"1 a\n2 a\n3 ", "3 1\n2 1\n1 1"},
		{"1 a\n1 b\n2 c", "1 1\n1 2\n2 3"}, {"1 a\n3 b", "1 1\n2 2\n3 3"}, {"2 b\n1 a", "2 2\n1 1"}, {"1 b\n2 a\n3 b", "1 \t7 x\n2\n3 -1"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, uidl, list string) {
		l := &listing{hasStat: true, hasList: true, hasUIDL: true}
		apart := &listing{hasStat: true, hasList: true, hasUIDL: true, next: math.MaxInt} // no line of LIST is joined before sort
		told := 0
		for _, line := range strings.Split(uidl, "\n") {
			l.addUIDL([]byte(line), true)
			apart.addUIDL([]byte(line), true)
		}
		for _, line := range strings.Split(list, "\n") {
			l.addSize([]byte(line), true)
			apart.addSize([]byte(line), true)
			told++
		}
		l.sort()
		if apart.sort(); !slices.Equal(l.messages, apart.messages) || l.flaws > 0 != (apart.flaws > 0) {
			t.Fatalf("%+v, %d flaws; joined by sort alone %+v, %d", l.messages, l.flaws, apart.messages, apart.flaws)
		}
		l.stat = len(l.messages)
		texts := map[string]bool{}
		for i, m := range l.messages {
			if i > 0 && l.messages[i-1].no >= m.no {
				t.Fatalf("%d comes after %d", m.no, l.messages[i-1].no)
			}
			if m.text != "" && texts[m.text] {
				t.Fatalf("two messages are %q", m.text)
			}
			texts[m.text] = true
			if m.size < -1 || m.size >= hugeMessage {
				t.Fatalf("message %d has size %d", m.no, m.size)
			}
		}
		if l.complete() && (len(l.messages) != told || len(l.messages) > 0 && int(l.messages[len(l.messages)-1].no) != told) {
			t.Fatalf("complete, with %d messages in %d lines", len(l.messages), told)
		}
	})
}

// A number of messages that cannot be is none, however wide the machine's numbers are.
func TestStatThatCannotBe(t *testing.T) {
	for text, want := range map[string]int{"3 100": 3, "2147483647 1": 1<<31 - 1, "2147483648 1": 0, "4294967295 1": 0, "999999999999999999 1": 0, "-1 1": 0, "3": 0, "": 0} {
		if n, ok := parseStat(text); n != want || ok != (want > 0) {
			t.Errorf("%q: %d messages, %v", text, n, ok)
		}
	}
}
