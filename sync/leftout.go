package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
)

// What lies in a Maildir and is not put on a server is named and counted as not restored, and keeps nothing else.

// mostNamed is how much of one kind is named one by one in a Maildir. A store of compressed files has
// them by the thousand.
const mostNamed = 20

// describe turns what was left out of a Maildir into problems, and counts it. Of thousands of one kind the first are
// named, and the rest is a number.
func describe(where string, left []state.Passed) (problems []error, notes []string, count int) {
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

// leaveOut reports what was left out of a source.
func (r *restoring) leaveOut(g *goal, s *Source, left []state.Passed) error {
	problems, notes, count := describe(s.Name, left)
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

// leaveOut reports what a mail program put into a mailbox whose files go to the server, and what is no message that can
// be read.
func (r *run) leaveOut(b *box) error {
	if !r.Policy.Append || b.disk == nil {
		return nil
	}
	problems, _, count := describe(b.name, b.disk.Passed)
	b.undone = b.undone || count > 0
	return r.report(b.name, problems, nil)
}

// report tells of a mailbox what was left out of it.
func (r *run) report(mailbox string, problems []error, notes []string) error {
	for _, n := range notes {
		r.note(mailbox, n, "")
	}
	for _, err := range problems {
		if err := r.problem(mailbox, 0, err); err != nil {
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
	return unpackable(c.ident.Packed)
}

// unpackable says that a file is compressed or encrypted in that way, nil for "".
func unpackable(packed string) error {
	if packed == "" {
		return nil
	}
	how := map[string]string{"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zstd": "unzstd", "lz4": "unlz4", "compress": "uncompress"}[packed]
	if how == "" {
		return state.Faultf(state.Other, "the file is encrypted (%s)", packed).WithHint("fetch the mail through the server that keeps it, by an account of its own")
	}
	return state.Faultf(state.Other, "the file is compressed (%s)", packed).
		WithHint("make copies that %s has decompressed, or fetch the mail through the server that keeps it so", how)
}

// leaveUnread leaves out a file that could not be read, or returns the error where the run is to end.
func leaveUnread(ctx context.Context, left *[]state.Passed, name string, err error) error {
	why, own := unreadable(ctx, err)
	if !own {
		return why
	}
	*left = append(*left, state.Passed{Name: name, Count: 1, Err: why})
	return nil
}

// unreadable says what became of a file that could not be read: the error is its own, unless the run is to end.
func unreadable(ctx context.Context, err error) (error, bool) {
	switch {
	case ctx.Err() != nil || ends(err):
		return err, false
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it was gone when it was to be read"), true
	}
	return err, true
}
