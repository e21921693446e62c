package report

import (
	"fmt"
	"strings"
)

// failure is one or more problems as they are printed: messages that could not be appended for one reason are one.
type failure struct {
	Problem
	mailboxes []string // of these messages, in the order in which they came
	unsent    map[string]int
}

// count is how many problems they are.
func (f *failure) count() (n int) {
	for _, k := range f.unsent {
		n += k
	}
	return max(n, 1)
}

// together returns problems as they are printed, in their order.
func together(all []Problem) []*failure {
	type reason struct{ why, hint string }
	var list []*failure
	known := map[reason]*failure{}
	for _, p := range all {
		why := reason{p.Unsent, p.Hint}
		f := known[why]
		if f == nil {
			f = &failure{Problem: p, unsent: map[string]int{}}
			list = append(list, f)
		}
		if p.Unsent == "" {
			continue
		}
		known[why] = f
		if f.unsent[p.Mailbox] == 0 {
			f.mailboxes = append(f.mailboxes, p.Mailbox)
		}
		f.unsent[p.Mailbox]++
	}
	for _, f := range list {
		f.spell()
	}
	return list
}

// maxNamed is how many mailboxes one line names.
const maxNamed = 5

// spell words what is more than one message.
func (f *failure) spell() {
	n := f.count()
	if n == 1 {
		return
	}
	where := ""
	if len(f.mailboxes) > 1 {
		f.Mailbox = ""
		var names []string
		for _, name := range f.mailboxes[:min(len(f.mailboxes), maxNamed)] {
			names = append(names, fmt.Sprintf("%d of %s", f.unsent[name], name))
		}
		if more := len(f.mailboxes) - maxNamed; more > 0 {
			names = append(names, fmt.Sprintf("the rest of %s", Plural(more, "other mailbox")))
		}
		where = " (" + strings.Join(names, ", ") + ")"
	}
	f.Error = fmt.Sprintf("%s not appended%s: %s", Plural(n, "message"), where, f.Unsent)
}
