package send

import (
	"slices"

	"mailsync/sync/mailbox"
	"mailsync/sync/plan"
)

// withoutTwins takes those out of the files to be appended that still are second names of
// others: a mail program was renaming one of the two while they were to be folded. Their
// messages are on the server; the next run folds them.
func withoutTwins(b *mailbox.Box, ops []plan.Op) ([]plan.Op, error) {
	plain := map[string]bool{} // files of another program, whose messages nobody knows
	for _, f := range b.Disk.Foreign {
		if f.Token == "" {
			plain[f.Name] = true
		}
	}
	var names []string
	for _, o := range ops {
		if plain[o.Name] {
			names = append(names, o.Name)
		}
	}
	if len(names) == 0 {
		return ops, nil
	}
	twins, err := b.MD.Twins(names)
	if err != nil || len(twins) == 0 {
		return ops, err
	}
	return slices.DeleteFunc(ops, func(o plan.Op) bool {
		kept := twins[o.Name]
		twin := kept != "" && !plain[kept] // two of a user's own names are two messages
		if twin {
			b.Leave(mailbox.HeldBack)
		}
		return twin
	}), nil
}
