package sync_test

import (
	"path"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
)

// A message has two files, and while a run is at work a mail program takes the first away, as the double
// that it is: the second is the only one by then, and stays.
func TestADoubleThatAMailProgramFolds(t *testing.T) {
	for _, more := range []int{1, 2} {
		l := inbox(3)
		mirror(&l.policy)
		l.clean(t)
		var first string
		l.each(t, "number 1\r", func(p string) {
			first = p
			key, _, _ := strings.Cut(path.Base(p), ":2,")
			for _, flags := range []string{"F", "S"}[:more] {
				l.drop(t, "INBOX/cur/"+key+":2,"+flags, strings.ReplaceAll(body(1), "\r\n", "\n"))
			}
		})
		l.server.Change("INBOX", func(m *mem.Mailbox) { m.Flag(1, `\Answered`, true) })
		took := false
		l.run(nil, func(step string) error {
			if !took && strings.HasPrefix(step, "commit INBOX") {
				took = true
				for _, p := range l.pathsOf(t, "INBOX", "number 1\r")[:1] {
					if err := l.disk.Remove(p); err != nil {
						t.Error(err)
					}
				}
			}
			return nil
		})
		if !took || first == "" {
			t.Fatal("nothing was taken away")
		}
		l.clean(t)
		l.clean(t)
		if n := len(l.onServer("INBOX")); n != 3 {
			t.Errorf("with %d doubles %d of 3 messages are on the server", more, n)
		}
		l.eachOnce(t)
	}
}

// pathsOf are the files of a Maildir whose body contains text, in the order in which a scan has them.
func (l *lab) pathsOf(t testing.TB, box, text string) (all []string) {
	t.Helper()
	for _, dir := range []string{"cur", "new"} {
		names, _ := l.disk.Names(box + "/" + dir)
		for _, name := range sorted(names) {
			if p := path.Join(box, dir, name); strings.Contains(l.rebuilt(t, p), text) {
				all = append(all, p)
			}
		}
	}
	return all
}
