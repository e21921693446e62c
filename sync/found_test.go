package sync_test

import (
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/sync/port"
)

// Mail programs call their folders as they like: what we would have escaped becomes a mailbox
// of the very name, and the mail stays where it is, wherever the run is cut off. What cannot be
// a mailbox is not passed over in silence.
func TestMaildirsWithOddNamesBecomeMailboxes(t *testing.T) {
	odd := []string{"100%", "Work?", "a:b", "Person K.", "Neu/x|y", "%41"}
	begin := func() *lab {
		l := appender(t)
		synced(t, l)
		for _, dir := range append([]string{"Neu", ".hidden"}, odd...) {
			for _, d := range []string{dir, dir + "/cur", dir + "/new", dir + "/tmp"} {
				if dir == "Neu" && d != dir {
					continue
				}
				if err := errors.Join(l.disk.Mkdir(d), l.disk.SyncDir(path.Dir(d))); err != nil {
					t.Fatal(err)
				}
			}
			if dir != "Neu" {
				l.drop(t, dir+"/cur/x:2,S", "Subject: in "+dir+"\n\nlocal\n")
			}
		}
		return l
	}
	check := func(l *lab) {
		t.Helper()
		for _, dir := range odd {
			text := "Subject: in " + dir
			var at []string
			for _, f := range l.files(t) {
				if strings.HasPrefix(f.body, text) {
					at = append(at, f.box)
				}
			}
			if got := l.onServer(dir); len(got) != 1 || !strings.Contains(got[0], text) || !slices.Equal(at, []string{dir}) {
				t.Errorf("%s: on the server are %q, here in %q", dir, got, at)
			}
		}
	}
	l := begin()
	said := &notes{}
	l.change = func(a *port.Account) { a.Watch = said }
	l.clean(t)
	l.change = nil
	l.clean(t)
	l.idle(t)
	check(l)
	if n := len(slices.DeleteFunc(slices.Clone(said.said), func(s string) bool { return !strings.Contains(s, "left alone") })); n != 1 {
		t.Errorf("of .hidden it says %q", said.said)
	}
	for n := 0; ; n++ {
		l := begin()
		step, reached := cutAt(n)
		l.run(l.disk, step)
		if !reached() {
			break
		}
		l.torn = true
		for range 3 {
			l.run(l.disk, nil)
		}
		check(l)
	}
}
