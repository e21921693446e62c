package plan

import (
	"slices"
	"testing"

	"mailsync/state"
)

func TestSameMailbox(t *testing.T) {
	records := []state.Record{{UID: 1, Status: state.Live, Size: 10}}
	for _, c := range []struct {
		name             string
		had, listed, now string // MAILBOXID in the base, in the listing, and as the mailbox itself reports it
		validity         uint32 // 7 is what it was
		size             int64
		asks, same       bool
	}{
		{"the same id", "a", "a", "", 8, 11, false, true},
		{"no ids, the same messages", "", "", "", 7, 10, true, true},
		{"no ids, another message", "", "", "", 7, 11, true, false},
		{"no ids, another UIDVALIDITY", "", "", "", 8, 10, false, false},
		{"another id in the listing, the same in the mailbox", "a", "b", "a", 7, 11, true, true},
		{"another id in both", "a", "b", "b", 7, 10, true, false},
		{"an id in the base alone, the same messages", "a", "", "", 7, 10, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			row := state.MailboxRow{MailboxID: c.had, Generations: []state.Generation{
				{Current: true, Mark: state.Mark{UIDValidity: 7}, Tally: state.Tally{OnServer: 1}}}}
			listed := state.Listed{MailboxID: c.listed, HasMark: true, Mark: state.Mark{UIDValidity: c.validity}}
			var now *state.ServerSnapshot
			if asks := AsksListing(row, listed); asks != c.asks {
				t.Errorf("asks for the listing: %v", asks)
			} else if asks {
				now = &state.ServerSnapshot{MailboxID: c.now, Mark: listed.Mark, Messages: []state.OnServer{{UID: 1, Size: c.size}}}
			}
			if SameMailbox(row, records, listed, now) != c.same {
				t.Errorf("want %v", c.same)
			}
		})
	}
}

func TestRenamedTo(t *testing.T) {
	for _, c := range []struct {
		name string
		same [][]bool
		want []int
	}{
		{"each one", [][]bool{{false, true}, {true, false}}, []int{1, 0}},
		{"two may be it", [][]bool{{true, true}}, []int{-1}},
		{"one of two is spoken for", [][]bool{{true, false}, {true, true}}, []int{0, 1}},
		{"two of one", [][]bool{{true}, {true}}, []int{0, -1}},
		{"none", [][]bool{{false}, {}}, []int{-1, -1}},
	} {
		if got := RenamedTo(c.same); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestFolderOfARenamedMailbox(t *testing.T) {
	row := func(id int64, path string) state.MailboxRow { return state.MailboxRow{ID: id, Path: path} }
	work := Renaming{row(1, "Work"), "Jobs"}
	for _, c := range []struct {
		name        string
		here, there Owner
		with        []Renaming
		want        Folder
	}{
		{"alone", Mine, Nobody, nil, Rename},
		{"with one below it", Mine, Nobody, []Renaming{{row(2, "Work/Old"), "Jobs/Old"}}, Rename},
		{"one below it keeps its name", Mine, Nobody, []Renaming{{row(2, "Work/Old"), "Work/Old"}}, Stay},
		{"renamed by an interrupted run", Nobody, Mine, nil, Renamed},
		{"gone", Nobody, Nobody, nil, Missing},
		{"gone, and another one at the target", Nobody, Others, nil, NotOurs},
		{"another one in its place", Others, Nobody, nil, NotOurs},
	} {
		rows := []state.MailboxRow{work.Row, row(9, "Workers")}
		for _, p := range c.with {
			rows = append(rows, p.Row)
		}
		if got := work.Folder(c.here, c.there, append(c.with, work), rows); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
	same := Renaming{row(1, "Work"), "Work"}
	if got := same.Folder(Mine, Nobody, nil, nil); got != Stay {
		t.Errorf("to the path it has: got %v", got)
	}
}
