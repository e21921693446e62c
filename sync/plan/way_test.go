package plan

import (
	"testing"

	"mailsync/state"
)

func TestWay(t *testing.T) {
	const refused = Route(99)
	for _, c := range []struct {
		name             string
		can              Ability
		byTrash, inPlace bool
		want             Route
	}{
		{"UIDPLUS", Ability{UIDPlus: true}, false, false, ExpungeHere},
		{"UIDPLUS, and asked for", Ability{UIDPlus: true, Move: true, Trash: true}, false, true, ExpungeHere},
		{"by the trash", Ability{UIDPlus: true, Trash: true}, true, false, ExpungeThere},
		{"by the trash, in the trash", Ability{UIDPlus: true, IsTrash: true}, true, false, ExpungeHere},
		{"by the trash, without one", Ability{UIDPlus: true}, true, false, refused},
		{"MOVE alone", Ability{Move: true, Trash: true}, false, false, LeaveInTrash},
		{"MOVE alone, by the trash", Ability{Move: true, Trash: true}, true, false, LeaveInTrash},
		{"MOVE alone, to be expunged", Ability{Move: true, Trash: true}, false, true, refused},
		{"MOVE alone, without a trash", Ability{Move: true}, false, false, refused},
		{"MOVE alone, without a trash, by it", Ability{Move: true}, true, false, refused},
		{"MOVE alone, in the trash", Ability{Move: true, IsTrash: true}, false, false, refused},
		{"neither", Ability{Trash: true}, false, false, refused},
		{"neither, by the trash", Ability{Trash: true}, true, false, refused},
		{"neither, in the trash", Ability{IsTrash: true}, true, false, refused},
	} {
		got, err := Way(c.can, c.byTrash, c.inPlace)
		if (err != nil) != (c.want == refused) || err == nil && got != c.want {
			t.Errorf("%s: %d, %v", c.name, got, err)
		}
		if err != nil && state.HintOf(err) == "" {
			t.Errorf("%s: no hint: %v", c.name, err)
		}
	}
}
