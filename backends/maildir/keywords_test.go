package maildir_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// Dovecot looks at the second of the file's mtime alone to see that it changed, and
// writes over what it did not see.
func TestKeywordsFileGrowsOlderBySeconds(t *testing.T) {
	m, md := memTree(t)
	name := deliver(t, md, 1, state.Seen, "x")
	var kw state.Keywords
	seconds := func() int64 {
		t.Helper()
		info, err := m.Lstat("INBOX/dovecot-keywords")
		if err != nil {
			t.Fatal(err)
		}
		return info.Mtime / int64(time.Second)
	}
	last := int64(0)
	for i := range 4 {
		scan(t, md)
		bit, _ := kw.Bit(fmt.Sprintf("word%d", i))
		place, err := md.Flag(name, bit, bit, &kw)
		if err != nil {
			t.Fatal(err)
		}
		name = place.Name
		if now := seconds(); now <= last {
			t.Errorf("mtime %d after %d", now, last)
		}
		last = seconds()
	}
}

// Where dovecot-keywords lost a line that a file's letter needs, the letter is given to no
// other keyword, and the keywords that seem to have none are not said to be gone.
func TestALetterWhoseNameWasLostIsNotGivenAway(t *testing.T) {
	for _, left := range []string{"", "1 Home\n", "0 unknown-0\n1 Home\n"} {
		m, md := memTree(t)
		if left != "" {
			if err := (outside{m}).Write("INBOX/dovecot-keywords", []byte(left)); err != nil {
				t.Fatal(err)
			}
		}
		if err := (outside{m}).Write("INBOX/cur/1.U1T"+token+".mailsync:2,Sa", []byte("x")); err != nil {
			t.Fatal(err)
		}
		var kw state.Keywords
		work, _ := kw.Bit("Work")
		s, err := md.Scan(context.Background(), token, nil, &kw)
		if err != nil {
			t.Fatal(err)
		}
		if s.Can&work != 0 || s.Messages[0].Flags != state.Seen {
			t.Errorf("%q: can %v, has %v", left, s.Can, s.Messages[0].Flags)
		}
		place, err := md.Flag(s.NameAt(s.Messages[0].Name), work|state.Flagged, work|state.Flagged, &kw)
		if err != nil || !strings.HasSuffix(place.Name, ":2,FSa") {
			t.Errorf("%q: flagged as %+v, %v", left, place, err)
		}
		// Also by a Maildir that nobody scanned yet.
		place, err = open(t, m, m).Flag(place.Name, work, work, &kw)
		if err != nil || !strings.HasSuffix(place.Name, ":2,FSa") {
			t.Errorf("%q: flagged without a scan as %+v, %v", left, place, err)
		}
	}
}

// A name that no server would take for a keyword keeps its letter and means nothing.
func TestNamesThatAreNoKeywords(t *testing.T) {
	m, md := memTree(t)
	if err := (outside{m}).Write("INBOX/dovecot-keywords", []byte("0 two words\n1 \\Seen\n2 na\xefve\n3 Good\n")); err != nil {
		t.Fatal(err)
	}
	if err := (outside{m}).Write("INBOX/cur/1.U1T"+token+".mailsync:2,abcd", []byte("x")); err != nil {
		t.Fatal(err)
	}
	var kw state.Keywords
	odd, _ := kw.Bit("odd one")
	s, err := md.Scan(context.Background(), token, nil, &kw)
	if err != nil {
		t.Fatal(err)
	}
	good, _ := kw.Bit("good")
	if s.Messages[0].Flags != good || s.Can&odd != 0 || kw.Len() != 2 {
		t.Errorf("flags %v, can %v, keywords %q", s.Messages[0].Flags, s.Can, kw.Names())
	}
	next, _ := kw.Bit("Next")
	place, err := md.Flag(s.NameAt(s.Messages[0].Name), next, next|good, &kw)
	if err != nil || !strings.HasSuffix(place.Name, ":2,abce") {
		t.Errorf("flagged as %+v, %v", place, err)
	}
}

// A lock that a killed run of this host left is broken at once, a living process's is not.
func TestALockOfADeadProcessIsBroken(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		lock   string
		broken bool
	}{
		{fmt.Sprintf("%d:%s", os.Getpid(), host), true},
		{fmt.Sprintf("%d:%s", 1<<30, host), true}, // beyond every system's highest number
		{fmt.Sprintf("%d:%s", os.Getppid(), host), false},
		{fmt.Sprintf("%d:%s", 1<<30, host+".elsewhere"), false},
		{"", false},
		{"nonsense", false},
	} {
		m, md := memTree(t)
		name := deliver(t, md, 1, state.Seen, "x")
		var kw state.Keywords
		scan(t, md)
		word, _ := kw.Bit("Word")
		if err := (outside{m}).Write("INBOX/dovecot-uidlist.lock", []byte(test.lock)); err != nil {
			t.Fatal(err)
		}
		_, err := md.Flag(name, word, word, &kw)
		if broken := err == nil; broken != test.broken {
			t.Errorf("lock %q: %v", test.lock, err)
		}
	}
}

// Whatever mailsync and Dovecot do in turn, a letter that has a name keeps it, and no
// file carries a letter without one.
func TestLettersKeepTheirNames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m, md := memTree(t)
		files := map[state.UID]string{}
		for uid := state.UID(1); uid <= 3; uid++ {
			files[uid] = deliver(t, md, uid, state.Seen, bodies[uid])
		}
		var kw state.Keywords
		given := map[int]string{}
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			uid := state.UID(rapid.IntRange(1, 3).Draw(rt, "uid"))
			word := fmt.Sprintf("Word%d", rapid.IntRange(1, 34).Draw(rt, "word"))
			if rapid.Bool().Draw(rt, "dovecot") {
				files[uid] = dovecotFlags(rt, m, files[uid], word)
			} else {
				if rapid.Bool().Draw(rt, "scan") {
					if _, err := md.Scan(context.Background(), token, nil, &kw); err != nil {
						rt.Fatal(err)
					}
				}
				bit, ok := kw.Bit(word)
				if !ok {
					rt.Fatal("no bit left")
				}
				want := rapid.SampledFrom([]state.Flags{0, bit}).Draw(rt, "want")
				place, err := md.Flag(files[uid], want, bit, &kw)
				if err != nil {
					rt.Fatal(err)
				}
				files[uid] = place.Name
			}
			lettersAreNamed(rt, m, files, given)
		}
	})
}

// dovecotFlags adds a keyword to a file as Dovecot does: the first number without a name
// is its own.
func dovecotFlags(t *rapid.T, m *disktest.Mem, name, word string) string {
	words := readWords(t, m)
	letter := -1
	for i := 25; i >= 0; i-- {
		if words[i] == word || words[i] == "" && (letter < 0 || words[letter] != word) {
			letter = i
		}
	}
	if letter < 0 {
		return name
	}
	words[letter] = word
	var text strings.Builder
	for i := range 26 {
		if words[i] != "" {
			fmt.Fprintf(&text, "%d %s\n", i, words[i])
		}
	}
	_ = m.Remove("INBOX/dovecot-keywords") // the first time there is none
	if err := (outside{m}).Write("INBOX/dovecot-keywords", []byte(text.String())); err != nil {
		t.Fatal(err)
	}
	base, info, _ := strings.Cut(name, ":2,")
	if strings.ContainsRune(info, rune('a'+letter)) {
		return name
	}
	next := base + ":2," + info + string(rune('a'+letter))
	if err := m.Rename("INBOX/"+name, "INBOX/"+next); err != nil {
		t.Fatal(err)
	}
	return next
}

func readWords(t *rapid.T, m *disktest.Mem) map[int]string {
	words := map[int]string{}
	f, err := m.Open("INBOX/dovecot-keywords")
	if errors.Is(err, fs.ErrNotExist) {
		return words
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var i int
		var word string
		if _, err := fmt.Sscanf(line, "%d %s", &i, &word); err != nil || words[i] != "" {
			t.Fatalf("line %q: %v", line, err)
		}
		words[i] = word
	}
	return words
}

func lettersAreNamed(t *rapid.T, m *disktest.Mem, files map[state.UID]string, given map[int]string) {
	words := readWords(t, m)
	for i, word := range given {
		if words[i] != word {
			t.Fatalf("the letter %c was %s and is %q", 'a'+i, word, words[i])
		}
	}
	seen := map[string]bool{}
	for i, word := range words {
		if seen[word] {
			t.Fatalf("%s has two letters", word)
		}
		seen[word], given[i] = true, word
	}
	for _, name := range files {
		_, info, _ := strings.Cut(name, ":2,")
		for _, c := range info {
			if c >= 'a' && c <= 'z' && words[int(c-'a')] == "" {
				t.Fatalf("%s carries %c, which has no name", name, c)
			}
		}
	}
}
