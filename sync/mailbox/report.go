package mailbox

import (
	"fmt"

	"mailsync/state"
)

// What lies in a Maildir and is not put on a server is named and counted as not restored, and keeps nothing else.

// mostNamed is how much of one kind is named one by one in a Maildir. A store of compressed files has
// them by the thousand.
const mostNamed = 20

// Describe turns what was left out of a Maildir into problems, and counts it. Of thousands of one kind the first are
// named, and the rest is a number.
func Describe(where string, left []state.Passed) (problems []error, notes []string, count int) {
	type kind struct{ text, hint string }
	said, more := map[kind]int{}, map[kind]int{}
	var order []state.Passed
	for _, l := range left {
		if l.Spared {
			notes = append(notes, fmt.Sprintf("%s/%s is left alone: %v", where, l.Name, l.Err))
			continue
		}
		count += l.Count
		k := kind{l.Err.Error(), state.HintOf(l.Err)}
		if said[k]++; said[k] <= mostNamed {
			problems = append(problems, fmt.Errorf("%s/%s is not sent: %w", where, l.Name, l.Err))
			continue
		}
		if more[k]++; more[k] == 1 {
			order = append(order, l)
		}
	}
	for _, l := range order {
		problems = append(problems, fmt.Errorf("%d more in %s are not sent: %w", more[kind{l.Err.Error(), state.HintOf(l.Err)}], where, l.Err))
	}
	return problems, notes, count
}

// Report tells of a mailbox what was left out of it.
func (r *Run) Report(mailbox string, problems []error, notes []string) error {
	for _, n := range notes {
		r.Note(mailbox, n, "")
	}
	for _, err := range problems {
		if err := r.Problem(mailbox, 0, err); err != nil {
			return err
		}
	}
	return nil
}
