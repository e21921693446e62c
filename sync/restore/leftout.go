package restore

import (
	"context"
	"errors"

	"mailsync/state"
	"mailsync/sync/mailbox"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// leaveOut reports what was left out of a source.
func (r *restoring) leaveOut(g *goal, s *port.Source, left []state.Passed) error {
	problems, notes, count := mailbox.Describe(s.Name, left)
	g.said.Refused += count
	for _, n := range notes {
		r.note(g.said.To, n)
	}
	for _, err := range problems {
		if err := r.problem(g.said.To, err); err != nil {
			return err
		}
	}
	return nil
}

func (r *restoring) note(mailbox, text string) {
	if r.Watch != nil {
		r.Watch.Note(mailbox, text, "")
	}
}

// identify reads what tells the file from others. Its error says why it is not sent.
func (c *cargo) identify() (err error) {
	if c.ident, err = c.source.Maildir.Ident(c.name); err != nil {
		return err
	}
	return c.unfit()
}

// unfit says why a file is not sent that was identified: it is empty or compressed, and no digest says that the server
// had it so.
func (c *cargo) unfit() error {
	if c.ident.Packed == "" && c.ident.Size != 0 || c.proof != nil {
		return nil
	}
	got, err := c.read()
	switch {
	case err != nil || got.Vouched:
		return err
	case got.Bytes == 0:
		return errors.New("the file is empty")
	}
	return send.Unpackable(c.ident.Packed)
}

// leaveUnread leaves out a file that could not be read, or returns the error where the run is to end.
func leaveUnread(ctx context.Context, left *[]state.Passed, name string, err error) error {
	why, own := port.OneFiles(ctx, err)
	if !own {
		return why
	}
	*left = append(*left, state.Passed{Name: name, Count: 1, Err: why})
	return nil
}
