package maildir_test

import (
	"fmt"
	"reflect"
	"runtime"
	"testing"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// crowded is a disk on which cur has very many files.
type crowded struct {
	*disktest.Mem
	files int
}

func (c crowded) Each(dir string, visit func(string) error) error {
	if dir != "INBOX/cur" {
		return c.Mem.Each(dir, visit)
	}
	for i := range c.files {
		name := fmt.Sprintf("%d.U%dT%s.mailsync,S=4000,W=4100,H=FVYRMQVXE2YEIALCPSU7:2,S", 1_700_000_000+i, i*7%c.files+1, token)
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

// Of a message that is only looked at, 32 octets are kept; of one whose name is, some 90 more. No list of names is made.
func TestLookKeepsNoNames(t *testing.T) {
	const n = 50_000 // no multiple of 7
	m, _ := memTree(t)
	md := open(t, m, crowded{m, n})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, err := md.Look(t.Context(), token, n, &state.Keywords{})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err != nil || !s.Complete || len(s.Messages) != n || len(s.Names) > 0 {
		t.Fatalf("%d messages, complete %v, %d octets of names, %v", len(s.Messages), s.Complete, len(s.Names), err)
	}
	if held := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n; held > 36 {
		t.Errorf("%.1f octets are held of a message", held)
	}
	whole := scan(t, md)
	for i, f := range whole.Messages {
		if f.Name = 0; f != s.Messages[i] {
			t.Fatalf("Scan has %+v, and Look %+v", f, s.Messages[i])
		}
	}
}

// Two files of one identity are told apart by their names, and so are a mail program's.
func TestLookIsAScanWhereNamesMatter(t *testing.T) {
	m, md := memTree(t)
	name := deliver(t, md, 1, state.Seen, "x")
	deliver(t, md, 2, 0, "y")
	write := func(name, body string) {
		t.Helper()
		if err := (outside{m}).Write(name, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	write("INBOX/cur/other:2,F", "z")
	look := func() *state.DiskSnapshot {
		t.Helper()
		s, err := open(t, m, m).Look(t.Context(), token, 2, &state.Keywords{})
		if err != nil || !s.Complete {
			t.Fatal(s, err)
		}
		return s
	}
	if s := look(); len(s.Messages) != 2 || len(s.Names) > 0 || len(s.Foreign) != 1 || s.Foreign[0].Name != "cur/other:2,F" {
		t.Errorf("%+v", s)
	}
	write("INBOX/"+name+"F", "x")
	s, whole := look(), scan(t, open(t, m, m))
	s.Mark, whole.Mark = state.DirMark{}, state.DirMark{}
	if !reflect.DeepEqual(s, whole) || len(s.Messages) != 3 {
		t.Errorf("Look has %+v, and Scan %+v", s, whole)
	}
}
