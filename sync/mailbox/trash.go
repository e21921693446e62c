package mailbox

import (
	"context"

	"mailsync/state"
	"mailsync/sync/plan"
)

// TrashMailbox is the raw name of the server's trash, "" where it has none or b is it.
func (r *Run) TrashMailbox(b *Box) string {
	if b.Listed.Role == "trash" {
		return ""
	}
	return r.Trash
}

// Unsettle has the next run look at a mailbox in which files of another one lie. It was settled
// by a run that could not look at the other, and would never be seen as where they were moved to.
func (r *Run) Unsettle(ctx context.Context, b *Box) error {
	b.Leave(PutOff)
	if g := b.Gen(); g == nil || !g.Clean {
		return nil
	}
	return r.Commit(ctx, &Box{Name: b.Name, Row: b.Row}, state.Commit{Clean: new(bool)})
}

// Ability is what the server can do about messages of a mailbox.
func (r *Run) Ability(b *Box) plan.Ability {
	return plan.Ability{UIDPlus: r.Can.UIDPlus, Move: r.Can.Move, Trash: r.TrashMailbox(b) != "", IsTrash: b.Listed.Role == "trash"}
}

// OnlyTrash reports whether the server keeps in its trash whatever leaves it.
func (r *Run) OnlyTrash() bool { return !r.Can.UIDPlus && r.Can.Move && r.Trash != "" }
