package mailbox

import (
	"fmt"

	"mailsync/state"
)

// mostNamed is how much of one kind is named one by one in a Maildir. A store of compressed files has
// them by the thousand.
const mostNamed = 20

// LeftOut reports about a mailbox what of a Maildir, at where, is not put on a server, and counts it. Of
// thousands of one kind the first are named, and the rest is a number.
func (r *Run) LeftOut(mailbox, where string, left []state.NotMail) (count int, err error) {
	type kind struct{ text, hint string }
	kindOf := func(l state.NotMail) kind { return kind{l.Err.Error(), state.HintOf(l.Err)} }
	seen := map[kind]int{}
	var more []state.NotMail
	for _, l := range left {
		if l.Harmless {
			r.Note(mailbox, fmt.Sprintf("%s/%s is left alone: %s", where, l.Name, state.PlainText(l.Err)), state.HintOf(l.Err))
			continue
		}
		count += l.Count
		k := kindOf(l)
		seen[k]++
		if seen[k] <= mostNamed {
			err = r.Problem(mailbox, 0, fmt.Errorf("%s/%s is not sent: %w", where, l.Name, l.Err))
		} else if seen[k] == mostNamed+1 {
			more = append(more, l)
		}
		if err != nil {
			return count, err
		}
	}
	for _, l := range more {
		if err := r.Problem(mailbox, 0, fmt.Errorf("%d more in %s are not sent: %w", seen[kindOf(l)]-mostNamed, where, l.Err)); err != nil {
			return count, err
		}
	}
	return count, nil
}
