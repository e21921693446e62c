package sync_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// withoutColons plays a copy of the tree by way of a file system that has none: each becomes
// sep, or where that is "cut" the name ends there.
func (l *lab) withoutColons(t testing.TB, sep string) (renamed int) {
	t.Helper()
	for _, box := range labBoxes {
		for _, dir := range []string{box + "/new", box + "/cur"} {
			names, err := l.disk.Names(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				to := strings.ReplaceAll(name, ":", sep)
				if sep == "cut" {
					to, _, _ = strings.Cut(name, ":")
				}
				if to == name {
					continue
				}
				renamed++
				if err := l.disk.Rename(path.Join(dir, name), path.Join(dir, to)); err != nil {
					t.Fatal(err)
				}
			}
			if err := l.disk.SyncDir(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	return renamed
}

// flagsThere is every flag on the server.
func (l *lab) flagsThere(boxes ...string) string {
	var out []string
	for _, raw := range boxes {
		l.server.Change(raw, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				out = append(out, fmt.Sprint(raw, " ", msg.UID, " ", slices.Sorted(maps.Keys(msg.Flags))))
			}
		})
	}
	return strings.Join(out, "\n")
}

// flagged is filled, with flags and keywords on most of its messages.
func flagged() *lab {
	l := filled()
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for uid := state.UID(1); uid <= 4; uid++ {
			m.Flag(uid, `\Flagged`, true)
			m.Flag(uid, `\Seen`, uid%2 == 0)
		}
		m.Flag(2, "$Label1", true)
		m.Flag(7, "$Later", true)
	})
	return l
}

var noColons = []string{";", "!", "\uf03a", "_", "%3A", " ", "-", "\uf022", "", "cut"}

// A tree that came back from a file system without colons takes no flag off the server,
// whatever is written in their place and whether the state came with it; nothing is fetched;
// mail readers show the flags again; and a flag that the user changes then travels.
func TestTreeWithoutColons(t *testing.T) {
	for _, sep := range noColons {
		for _, c := range []struct {
			name   string
			policy func(*plan.Policy)
			lost   bool
		}{
			{"state kept", func(*plan.Policy) {}, false},
			{"state lost", func(*plan.Policy) {}, true},
			{"a mirror, state kept", func(p *plan.Policy) { mirror(p); appending(p) }, false},
			{"a mirror, state lost", func(p *plan.Policy) { mirror(p); appending(p) }, true},
		} {
			t.Run(fmt.Sprintf("%q, %s", sep, c.name), func(t *testing.T) {
				l := flagged()
				c.policy(&l.policy)
				l.clean(t)
				l.clean(t)
				there, here := l.flagsThere(labBoxes...), l.files(t)
				if l.withoutColons(t, sep) < 8 {
					t.Fatal("hardly any name has a colon")
				}
				if c.lost {
					l.base = mem.NewBase()
				}
				r := l.clean(t)
				r2 := l.clean(t)
				l.idle(t)
				if n := r.Fetched + r2.Fetched + r.Appended + r2.Appended + r.FlagsToServer + r2.FlagsToServer; n != 0 {
					t.Errorf("%+v\n%+v", r, r2)
				}
				if got := l.flagsThere(labBoxes...); got != there {
					t.Errorf("on the server\n%s\nwant\n%s", got, there)
				}
				if got := l.files(t); !slices.Equal(got, here) {
					t.Errorf("on disk\n%v\nwant\n%v", got, here)
				}

				l.rename(t, "number 1\r", "S") // not flagged any more
				l.rename(t, "number 20\r", "FS")
				l.clean(t)
				l.clean(t)
				l.idle(t)
				if got, want := l.serverFlags("INBOX", 2), []string{`\Seen`}; !slices.Equal(got, want) {
					t.Errorf("flags that were taken away then: %v, want %v", got, want)
				}
				if got, want := l.serverFlags("Archive", 1), []string{`\Flagged`, `\Seen`}; !slices.Equal(got, want) {
					t.Errorf("a flag that was set then: %v, want %v", got, want)
				}
			})
		}
	}
}

// What a reader adds to a name that it could not read travels; what it did not see, and so
// did not write, does not; and what changed on the server meanwhile arrives.
func TestReaderAtWorkInATreeWithoutColons(t *testing.T) {
	l := flagged()
	l.clean(t)
	l.clean(t)
	l.withoutColons(t, "_")
	l.each(t, "number 0\r", func(p string) { // flagged; the reader shows it as new, and marks it read
		if err := l.disk.Rename(p, p+":2,S"); err != nil {
			t.Fatal(err)
		}
	})
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Flag(3, `\Flagged`, false)
		m.Flag(4, `\Answered`, true)
	})
	l.clean(t)
	l.clean(t)
	l.idle(t)
	for uid, want := range map[state.UID][]string{1: {`\Flagged`, `\Seen`}, 3: {}, 4: {`\Answered`, `\Flagged`, `\Seen`}} {
		if got := l.serverFlags("INBOX", uid); !slices.Equal(got, want) {
			t.Errorf("UID %d on the server: %v, want %v", uid, got, want)
		}
	}
	for _, f := range l.files(t) {
		if want, ok := map[string]string{body(0): "FS", body(2): "", body(3): "FRS"}[f.body]; ok && f.flags != want {
			t.Errorf("%v, want flags %q", f, want)
		}
	}
}

// Two names of one file, one of which says nothing, are one message with the flags of the other.
func TestSilentNameBesideOneThatSpeaks(t *testing.T) {
	for _, sep := range []string{"_", " "} { // one sorts behind the colon, the other before it
		l := flagged()
		l.clean(t)
		l.clean(t)
		l.each(t, "number 5\r", func(p string) { // as mail tools that sync trees leave it
			if err := l.disk.Link(p, strings.Replace(p, ":2,", sep+"2,", 1)); err != nil {
				t.Fatal(err)
			}
		})
		there, before := l.flagsThere(labBoxes...), len(l.files(t))
		l.clean(t)
		l.clean(t)
		l.idle(t)
		if got := l.flagsThere(labBoxes...); got != there {
			t.Errorf("%q: on the server\n%s\nwant\n%s", sep, got, there)
		}
		if got := len(l.files(t)); got != before-1 {
			t.Errorf("%q: %d files, want %d", sep, got, before-1)
		}
	}
}

// A run in such a tree that is cut anywhere ends as one that is not.
func TestTreeWithoutColonsCutAnywhere(t *testing.T) {
	begin := func(lost bool) *lab {
		l := flagged()
		l.clean(t)
		l.clean(t)
		l.withoutColons(t, "_")
		if lost {
			l.base = mem.NewBase()
		}
		return l
	}
	for _, lost := range []bool{false, true} {
		l := begin(lost)
		there := l.flagsThere(labBoxes...)
		l.clean(t)
		l.clean(t)
		want := l.dump(t)
		for n := 1; ; n += stride(t) {
			l := begin(lost)
			step, reached := cutAt(n)
			l.run(nil, step)
			if !reached() {
				break
			}
			l.clean(t)
			l.clean(t)
			l.clean(t)
			l.idle(t)
			if got := l.flagsThere(labBoxes...); got != there {
				t.Fatalf("cut at step %d, state lost %v: on the server\n%s\nwant\n%s", n, lost, got, there)
			}
			if got := l.dump(t); got != want {
				t.Fatalf("cut at step %d, state lost %v\n got %s\nwant %s", n, lost, got, want)
			}
		}
	}
}

// In such a tree verify finds nothing, before a sync and after it.
func TestVerifyTreeWithoutColons(t *testing.T) {
	for _, sep := range noColons {
		l := flagged()
		l.clean(t)
		l.clean(t)
		l.withoutColons(t, sep)
		for range 2 {
			v := l.verify()
			l.verified(t, v, "")
			v.Server = l.server
			l.verified(t, v, "")
			l.clean(t)
		}
	}
}

// What goes back to the server from such a tree has the flags that were agreed on, and another
// program's file those that its name tells, whatever the separator.
func TestRestoreHomeFromTreeWithoutColons(t *testing.T) {
	l := lost(t, true)
	l.withoutColons(t, "_")
	l.move(t, "Archive/cur/1234.host_2,R", "Archive/cur/1234.host;2,R")
	r := l.home(nil, nil)
	if r.Fatal != nil || len(r.Problems) > 0 || r.Appended != 4 {
		t.Fatalf("%d appended: %v %v", r.Appended, r.Fatal, r.Problems)
	}
	l.brought(t, wantBrought(t))
}

func TestRestoreElsewhereFromTreeWithoutColons(t *testing.T) {
	l, want := shipped(t)
	l.clean(t)
	l.withoutColons(t, "_")
	p := newPort(l)
	ok(t, p.restore(t, nil), 12, 0)
	p.whole(t, want)
}

// An archive run in such a tree takes what it would have taken, and its undo puts it back as it was.
func TestArchiveFromTreeWithoutColons(t *testing.T) {
	for _, into := range []func(*port.Account){nil, inPlace} {
		l := old(t)
		l.clean(t)
		l.clean(t)
		there, here := l.told(), l.bodies(t)
		for _, box := range []string{"INBOX", "Lists/Go"} {
			names, err := l.disk.Names(box + "/cur")
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				l.move(t, box+"/cur/"+name, box+"/cur/"+strings.Replace(name, ":", "_", 1))
			}
		}
		r := l.archived(t, into)
		if r.Released.Deleted != 5 {
			t.Errorf("%d went", r.Released.Deleted)
		}
		if r := l.undo(nil, nil); r.Status() != "ok" {
			t.Fatalf("undo is %s: %v %v", r.Status(), r.Fatal, r.Problems)
		}
		l.clean(t) // the names of what stayed
		l.undone(t, there, here, "after an undo")
	}
}
