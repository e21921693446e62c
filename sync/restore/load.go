package restore

import (
	"context"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// recorded is what is known of a generation.
type recorded struct {
	records []state.Record // sorted by UID
	proofs  map[state.UID]state.Proof
}

// loading makes messages of the files of one source, and keeps what of it is left out.
type loading struct {
	source *port.Source
	// recall takes over what is recorded of a file's message, its flags and its digest. It returns the record, if
	// there is one.
	recall   func(c *message, f state.Foreign) (rec state.Record, known bool, err error)
	merge    bool // two files of one identity with the same bytes are one message
	messages []*message
	left     []state.Passed // what cannot be sent, and why
	older    int            // left out by their dates

	first map[port.Identity]*message
}

// load loads the messages of files that are not older than since.
func (l *loading) load(ctx context.Context, files []state.Foreign, since int64) error {
	l.first = map[port.Identity]*message{}
	for _, f := range files {
		c := &message{source: l.source, name: f.Name, uid: f.UID}
		rec, known, err := l.recall(c, f)
		if err != nil {
			return port.Wrap("read state", err)
		}
		if err := l.take(c, f, known && plan.CameUndated(rec, f.Variant)); err != nil {
			why, own := port.OneFiles(ctx, err)
			if !own {
				return why
			}
			l.left = append(l.left, state.Passed{Name: f.Name, Count: 1, Err: why})
		}
	}
	redate(l.messages)
	all := len(l.messages)
	l.messages = slices.DeleteFunc(l.messages, func(c *message) bool { return plan.Before(c.ident.Date, since) })
	l.older = all - len(l.messages)
	return nil
}

// take adds a file's message, undated where the server told no date: the file's name has the time it came. Its error
// says why the file is not sent.
func (l *loading) take(c *message, f state.Foreign, undated bool) error {
	if err := c.identify(); err != nil {
		return err
	}
	if c.proof != nil {
		c.ident.Size = c.proof.Bytes
	}
	if undated {
		c.ident.Date = state.NoDate
	}
	if l.merge && f.Token != "" && f.UID != 0 {
		id := port.Identity{Token: f.Token, UID: f.UID, Variant: max(1, f.Variant)}
		if twin := l.first[id]; twin != nil {
			same, err := twin.sameBytes(c)
			if err != nil {
				return err
			}
			if same {
				twin.flags |= c.flags
				return nil
			}
		}
		l.first[id] = c
	}
	l.messages = append(l.messages, c)
	return nil
}
