package maildir_test

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
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

// Of a file that is settled a bit is kept, of any other one 32 octets and no name. No list of names is made.
func TestLookKeepsWhatIsNotSettled(t *testing.T) {
	const n = 50_000 // no multiple of 7
	m, _ := memTree(t)
	md := open(t, m, crowded{m, n})
	whole := scan(t, md)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	s, left, err := md.Look(t.Context(), token, &state.Keywords{}, func(f state.OnDisk, can state.Flags) bool {
		return f.Flags == state.Seen && can == whole.Can && f.UID%1000 > 0
	})
	runtime.GC()
	runtime.ReadMemStats(&after)
	if err != nil || !s.Complete || len(s.Messages) != n/1000 || len(s.Names) > 0 {
		t.Fatalf("%d messages, complete %v, %d octets of names, %v", len(s.Messages), s.Complete, len(s.Names), err)
	}
	if held := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n; held > 1 {
		t.Errorf("%.1f octets are held of a message", held)
	}
	others := s.Messages
	for _, f := range whole.Messages {
		if settled := f.UID%1000 > 0; left.Has(f.UID) != settled {
			t.Fatalf("UID %d is left out: %v", f.UID, left.Has(f.UID))
		} else if settled {
			continue
		}
		if f.Name = 0; f != others[0] {
			t.Fatalf("Scan has %+v, and Look %+v", f, others[0])
		}
		others = others[1:]
	}
}

// Two files of one identity are told apart by their names, whichever of them are settled; and so are a mail program's. Files of two
// variants are of two identities.
func TestLookIsAScanWhereNamesMatter(t *testing.T) {
	all := func(state.OnDisk, state.Flags) bool { return true }
	none := func(state.OnDisk, state.Flags) bool { return false }
	plain := func(f state.OnDisk, _ state.Flags) bool { return f.Flags == state.Seen && f.Variant == 1 }
	flagged := func(f state.OnDisk, _ state.Flags) bool { return f.Flags != state.Seen && f.Variant == 1 }
	for what, settled := range map[string]func(state.OnDisk, state.Flags) bool{"all": all, "none": none, "plain": plain, "flagged": flagged} {
		t.Run(what, func(t *testing.T) {
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
			look := func() (*state.DiskSnapshot, state.UIDSet) {
				t.Helper()
				s, left, err := open(t, m, m).Look(t.Context(), token, &state.Keywords{}, settled)
				if err != nil || !s.Complete {
					t.Fatal(s, err)
				}
				return s, left
			}
			s, left := look()
			if whole := scan(t, open(t, m, m)); len(s.Messages)+len(left) < 1 || len(s.Names) > 0 || !reflect.DeepEqual(s.Foreign, whole.Foreign) || len(s.Foreign) != 1 {
				t.Errorf("%+v", s)
			}
			for _, f := range scan(t, open(t, m, m)).Messages {
				if kept := slices.ContainsFunc(s.Messages, func(o state.OnDisk) bool { return o.UID == f.UID }); kept == left.Has(f.UID) || kept == settled(f, 0) {
					t.Errorf("UID %d is kept: %v", f.UID, kept)
				}
			}
			write("INBOX/"+name+"F", "x")
			s, left = look()
			whole := scan(t, open(t, m, m))
			s.Mark, whole.Mark = state.DirMark{}, state.DirMark{}
			if !reflect.DeepEqual(s, whole) || len(s.Messages) != 3 || left != nil {
				t.Errorf("Look has %+v, and Scan %+v; left out %v", s, whole, left)
			}
		})
	}
}

// A letter whose keyword is lost takes away what names can carry: files that were judged before it was seen are judged by what they are.
func TestLookSeesALostLetter(t *testing.T) {
	m, md := memTree(t)
	deliver(t, md, 1, state.Seen, "x")
	kw := &state.Keywords{}
	kw.Bit("label")
	settled := func(f state.OnDisk, can state.Flags) bool { return true }
	for _, program := range []string{"none", "other"} {
		if program == "other" {
			if err := (outside{m}).Write("INBOX/cur/other:2,Sb", []byte("z")); err != nil {
				t.Fatal(err)
			}
		}
		s, left, err := open(t, m, m).Look(t.Context(), token, kw, settled)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := open(t, m, m).Scan(t.Context(), token, nil, kw)
		if err != nil || s.Can != whole.Can || left.Has(1) == (program == "other") {
			t.Errorf("%s: names can carry %b, by Scan %b; left out %v, %v", program, s.Can, whole.Can, left, err)
		}
	}
	// Once a scan saw it, a look knows.
	again := open(t, m, m)
	if _, err := again.Scan(t.Context(), token, nil, kw); err != nil {
		t.Fatal(err)
	}
	if _, left, err := again.Look(t.Context(), token, kw, settled); err != nil || !left.Has(1) {
		t.Errorf("left out %v, %v", left, err)
	}
}

// A message may have files of two variants, of which one is settled.
func TestLookTellsVariantsApart(t *testing.T) {
	m, md := memTree(t)
	first := deliver(t, md, 1, state.Seen, "x")
	second := strings.Replace(first, ".U1T", ".U1-2T", 1)
	look := func(file string) (*state.DiskSnapshot, state.UIDSet) {
		t.Helper()
		if err := (outside{m}).Write("INBOX/"+file, []byte("y")); err != nil {
			t.Fatal(err)
		}
		s, left, err := open(t, m, m).Look(t.Context(), token, &state.Keywords{}, func(f state.OnDisk, _ state.Flags) bool {
			return f.Variant == 2 && f.Flags == state.Seen
		})
		if err != nil {
			t.Fatal(err)
		}
		return s, left
	}
	if s, left := look(second); !left.Has(1) || len(s.Messages) != 1 || s.Messages[0].Variant != 1 {
		t.Errorf("left out %v, and %+v", left, s.Messages)
	}
	if s, left := look(second + "F"); left != nil || len(s.Messages) != 3 {
		t.Errorf("left out %v, and %+v", left, s.Messages)
	}
}
