//go:build unix

package hostile

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
)

// zeros are what servers tell that know no date.
var zeros = []time.Time{
	time.Date(1899, 12, 30, 0, 0, 0, 0, time.FixedZone("", 19800)), time.Unix(0, 0).UTC(),
	time.Date(1970, 1, 1, 0, 0, 0, 0, time.FixedZone("", -8*3600)), time.Date(1970, 1, 1, 14, 0, 0, 0, time.FixedZone("", 14*3600)),
	time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1970, 12, 31, 23, 59, 59, 0, time.UTC),
}

// Messages with dates that are none are fetched and kept like any other, and never old: they
// stay on the server, whichever rule makes room. They have the time they came, and go back without a
// date.
func TestDatesThatAreNone(t *testing.T) {
	l := newIMAP(t, situation{})
	l.acct.Lock()
	inbox := l.acct.Mailbox("INBOX")
	for i, m := range inbox.Messages {
		m.Flags = []string{`\Seen`}
		if m.Date = time.Date(2019, 1, 1+i, 0, 0, 0, 0, time.UTC); i < len(zeros) {
			m.Date = zeros[i]
		}
	}
	inbox.Messages[11].Date = time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC) // the oldest there is
	l.acct.Unlock()
	began := time.Now().Add(-time.Minute).Unix()
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	mail, _ := l.files()
	for _, m := range mail {
		date, _, _ := strings.Cut(filepath.Base(m.path), ".")
		seconds, err := strconv.ParseInt(date, 10, 64)
		info, statErr := os.Stat(filepath.Join(l.root, m.path))
		l.must(err)
		l.must(statErr)
		if seconds != info.ModTime().Unix() {
			t.Errorf("%s has mtime %v", m.path, info.ModTime())
		}
		for n := range 12 {
			if m.body == letter(n) && (seconds > began) != (n < len(zeros)) {
				t.Errorf("number %d is dated %v", n, time.Unix(seconds, 0))
			}
		}
	}
	if o := l.run("sync", "--full"); o.Code != 0 || !strings.Contains(o.Stdout, "nothing to do") {
		t.Errorf("not settled: exit %d\n%s%s", o.Code, o.Stdout, program.Tail(o.Stderr))
	}
	into := filepath.Join(l.dir, "shelf")
	for _, rule := range [][]string{{"--older-than", "1y"}, {"--until-quota", "1%", "--quota", "1K"}, {"--larger-than", "1"}} {
		o := l.run(append([]string{"archive", "--mailbox", "INBOX", "--into", into, "--apply"}, rule...)...)
		if o.Code > 1 {
			t.Errorf("%v: exit %d\n%s", rule, o.Code, program.Tail(o.Stderr))
		}
		left := l.onServer()
		for n := range 12 {
			if want := n < len(zeros); (left[letter(n)] == 1) != want {
				t.Errorf("%v: number %d is on the server %d times\n%s", rule, n, left[letter(n)], o.Stdout)
			}
		}
	}
	if o := l.run("verify", "--server"); o.Code != 0 {
		t.Errorf("verify: exit %d\n%s%s", o.Code, o.Stdout, program.Tail(o.Stderr))
	}

	// The server loses one of each; they are put back, one without a date.
	l.acct.Lock()
	inbox.Expunge(1)
	archive := l.acct.Mailbox("Archive")
	archive.Expunge(1)
	l.acct.Unlock()
	l.configure("port = "+strconv.Itoa(l.srv.Port()), `append = true`)
	o := l.run("restore", "work")
	if o.Code != 0 {
		t.Errorf("restore: exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	for _, c := range l.srv.Commands() {
		if strings.HasPrefix(c, `APPEND "INBOX"`) && strings.Contains(c, "-20") || strings.HasPrefix(c, `APPEND "Archive"`) && !strings.Contains(c, "-Jan-2024") {
			t.Errorf("sent %q", c)
		}
	}
	if left := l.onServer(); left[letter(0)] != 1 || left[letter(20)] != 1 {
		t.Errorf("on the server %d and %d times", left[letter(0)], left[letter(20)])
	}
	l.sync()
	mail, _ = l.files()
	for body, n := range bodies(mail) {
		if n != 1 {
			t.Errorf("%d times here: %s", n, short(body))
		}
	}
}

// A file whose time is the zero of a clock, as copies and archives leave it, is appended
// without a date; and what a mirror of it finds later doubles nothing.
func TestFileTimeThatIsNone(t *testing.T) {
	l := newIMAP(t, situation{})
	l.sync()
	for i, at := range []time.Time{time.Unix(0, 0), time.Unix(1, 0), time.Date(1970, 6, 1, 0, 0, 0, 0, time.UTC)} {
		name := filepath.Join(l.root, "INBOX", "cur", "zero"+strconv.Itoa(i)+":2,S")
		l.must(os.WriteFile(name, []byte(strings.ReplaceAll(letter(50+i), "\r\n", "\n")), 0o600))
		l.must(os.Chtimes(name, at, at))
	}
	if o := l.sync(); o.Code != 0 {
		t.Fatalf("exit %d\n%s", o.Code, program.Tail(o.Stderr))
	}
	appends := 0
	for _, c := range l.srv.Commands() {
		if strings.HasPrefix(c, "APPEND") {
			appends++
			if strings.Contains(c, "-19") || strings.Contains(c, `"INBOX" (\Seen) "`) {
				t.Errorf("sent %q", c)
			}
		}
	}
	have := l.onServer()
	if appends != 3 || have[letter(50)] != 1 || have[letter(51)] != 1 || have[letter(52)] != 1 {
		t.Errorf("%d were appended, there are %d, %d and %d", appends, have[letter(50)], have[letter(51)], have[letter(52)])
	}
	if o := l.sync(); o.Code != 0 || o.account.Fetched != 0 {
		t.Errorf("exit %d, fetched %d", o.Code, o.account.Fetched)
	}
}
