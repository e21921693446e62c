package sync_test

import (
	"slices"
	"strings"
	"testing"

	"mailsync/sync/port"
)

// breaking is a lab with four files to append, at one of which the connection breaks so often. order tells in which
// they came to the server.
func breaking(t testing.TB, times int) (l *lab, order *[]string) {
	t.Helper()
	l = appender(t)
	l.drop(t, "Archive/cur/a:2,S", "Subject: one\n\nshort\n")
	l.drop(t, "Archive/cur/b:2,S", "Subject: two\n\n"+strings.Repeat("a line that is longer\n", 60_000))
	l.drop(t, "Archive/cur/c:2,S", "Subject: three\n\n"+strings.Repeat("long\n", 2000))
	l.drop(t, "Archive/cur/d:2,S", "Subject: four\n\nshort\n")
	order = &[]string{}
	l.server.Breaks = func(body string) bool {
		subject, _, _ := strings.Cut(strings.TrimPrefix(body, "Subject: "), "\r")
		*order = append(*order, subject)
		if subject != "two" || times == 0 {
			return false
		}
		times--
		return true
	}
	return l, order
}

var ofBreaking = []string{"one", "two", "three", "four"}

// A message at which the connection breaks is tried again after all others, in the same run.
func TestABrokenAppendComesLast(t *testing.T) {
	l, order := breaking(t, 1)
	l.clean(t)
	if want := []string{"one", "two", "three", "four", "two"}; !slices.Equal(*order, want) {
		t.Errorf("sent %v, want %v", *order, want)
	}
	l, _ = breaking(t, 2)
	if r := l.run(nil, nil); r.Status() != "partial" || r.Appended != 3 || len(r.Problems) != 1 {
		t.Errorf("%s, %d appended: %v", r.Status(), r.Appended, r.Problems)
	}
	for _, subject := range ofBreaking {
		l.once(t, "Subject: "+subject)
	}
}

// Broken off at every step, also with a restore between, each of them is there once in the end.
func TestABrokenAppendCutAtEveryStep(t *testing.T) {
	for _, again := range []func(l *lab) *port.Result{
		func(l *lab) *port.Result { return l.run(nil, nil) },
		func(l *lab) *port.Result { return &l.home(nil, nil).Result },
	} {
		for n := 1; ; n += stride(t) {
			l, _ := breaking(t, 1)
			step, reached := cutAt(n)
			l.run(nil, step)
			if !reached() {
				break
			}
			if r := again(l); r.Fatal != nil { // what got no answer is tried alone and last, and at once given up where that breaks
				t.Fatalf("cut at step %d, then: %v", n, r.Fatal)
			}
			for _, subject := range ofBreaking {
				l.once(t, "Subject: "+subject)
			}
		}
	}
}
