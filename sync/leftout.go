package sync

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
)

// leftOut is what lies in a Maildir and is not put on a server, and why: it is named and counted as not restored,
// and keeps nothing else.
type leftOut struct {
	name   string
	count  int
	err    error
	spared bool // nothing is missing by it
}

// mostNamed is how much of one kind is named one by one in a Maildir. A store of compressed files has
// them by the thousand.
const mostNamed = 20

// passedOver is what a scan did not take for messages.
func passedOver(disk *state.DiskSnapshot) (left []leftOut) {
	for _, p := range disk.Passed {
		left = append(left, leftOut{name: p.Name, count: p.Count, err: p.Err, spared: p.Spared})
	}
	return left
}

// describe turns what was left out of a Maildir into problems, and counts it. Of thousands of one kind the first are
// named, and the rest is a number.
func describe(where string, left []leftOut) (problems []error, notes []string, count int) {
	type kind struct{ text, hint string }
	said, more := map[kind]int{}, map[kind]int{}
	var order []leftOut
	for _, l := range left {
		if l.spared {
			notes = append(notes, fmt.Sprintf("%s/%s is left alone: %v", where, l.name, l.err))
			continue
		}
		count += l.count
		k := kind{l.err.Error(), state.HintOf(l.err)}
		if said[k]++; said[k] <= mostNamed {
			problems = append(problems, fmt.Errorf("%s/%s is not sent: %w", where, l.name, l.err))
			continue
		}
		if more[k]++; more[k] == 1 {
			order = append(order, l)
		}
	}
	for _, l := range order {
		problems = append(problems, fmt.Errorf("%d more in %s are not sent: %w", more[kind{l.err.Error(), state.HintOf(l.err)}], where, l.err))
	}
	return problems, notes, count
}

// leaveOut reports what was left out of a source.
func (r *restoring) leaveOut(g *goal, s *Source, left []leftOut) error {
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

// unfit says why a file is not sent that was identified: it is compressed, and no digest says that the server had
// it so.
func (c *cargo) unfit() error {
	if c.ident.Packed == "" || c.proof != nil {
		return nil
	}
	got, err := c.read()
	if err != nil || got.Vouched {
		return err
	}
	how := map[string]string{"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zstd": "unzstd", "lz4": "unlz4", "compress": "uncompress"}[c.ident.Packed]
	if how == "" {
		return state.Faultf(state.Other, "the file is encrypted (%s)", c.ident.Packed).WithHint("fetch the mail through the server that keeps it, by an account of its own")
	}
	return state.Faultf(state.Other, "the file is compressed (%s)", c.ident.Packed).
		WithHint("make copies that %s has decompressed, or fetch the mail through the server that keeps it so", how)
}

// leaveUnread leaves out a file that could not be read, or returns the error where the run is to end.
func leaveUnread(ctx context.Context, left *[]leftOut, name string, err error) error {
	why, own := unreadable(ctx, err)
	if !own {
		return why
	}
	*left = append(*left, leftOut{name: name, count: 1, err: why})
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
