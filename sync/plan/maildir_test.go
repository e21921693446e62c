package plan

import (
	"testing"

	"mailsync/state"
)

// at is a Maildir at a path whose marker has another path, and a mailbox.
func at(path, marker, raw string) state.Found {
	return state.Found{Path: path, Marker: state.Marker{Path: marker, Raw: raw, Role: state.RoleMailbox}}
}

func TestMaildirOfAMailboxThatTheBaseDoesNotKnow(t *testing.T) {
	home, moved, twice := at("Work", "Work", "Work"), at("Jobs", "Work", "Work"), at("More", "Work", "Work")
	for _, c := range []struct {
		name  string
		found []state.Found
		there bool // a Maildir is at the path of the markers
		moved bool
		want  Claiming
		at    string
	}{
		{"none", nil, false, false, Begin, ""},
		{"another mailbox's", []state.Found{at("Jobs", "Jobs", "Jobs")}, false, false, Begin, ""},
		{"an archive's", []state.Found{{Path: "Work", Marker: state.Marker{Path: "Work", Raw: "Work", Role: state.RoleArchive}}}, false, false, Begin, ""},
		{"where it was made", []state.Found{home}, true, false, Use, "Work"},
		{"with a copy", []state.Found{moved, home}, true, true, Use, "Work"},
		{"a copy of a Maildir without a marker", []state.Found{moved}, true, true, Begin, ""},
		{"moved", []state.Found{moved}, false, false, WasMoved, "Jobs"},
		{"moved, by the user's word", []state.Found{moved}, false, true, Follow, "Jobs"},
		{"moved and copied", []state.Found{moved, twice}, false, true, Doubled, "Jobs"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Maildirs{Found: c.found, There: map[string]bool{"Work": c.there}, Moved: c.moved}
			if got := m.Fresh("Work"); got.Do != c.want || got.At.Path != c.at {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestMaildirThatIsNotAtItsPath(t *testing.T) {
	moved, twice, followed := at("Jobs", "Work", "Work"), at("More", "Work", "Work"), at("Jobs", "Jobs", "Work")
	for _, c := range []struct {
		name       string
		found      []state.Found
		moved, new bool
		want       Claiming
	}{
		{"gone", nil, false, false, Gone},
		{"gone, to begin afresh", nil, false, true, Begin},
		{"of another path", []state.Found{at("Jobs", "Else", "Work")}, true, false, Gone},
		{"without a folder", []state.Found{at("Work", "Work", "Work")}, false, false, Complete},
		{"without a folder, not to begin afresh", []state.Found{at("Work", "Work", "Work")}, false, true, Complete},
		{"moved", []state.Found{moved}, false, false, WasMoved},
		{"moved, to begin afresh", []state.Found{moved}, false, true, Begin},
		{"moved, by the user's word", []state.Found{moved}, true, false, Follow},
		{"followed by an interrupted run", []state.Found{followed}, false, false, Follow},
		{"moved and copied", []state.Found{moved, twice}, true, false, Doubled},
		{"moved and copied, to begin afresh", []state.Found{moved, twice}, false, true, Begin},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := Maildirs{Found: c.found, Moved: c.moved, New: c.new}
			if got := m.Missing("Work", "Work"); got.Do != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
