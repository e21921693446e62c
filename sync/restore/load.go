package restore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"mailsync/state"
	"mailsync/sync/match"
	"mailsync/sync/plan"
	"mailsync/sync/port"
	"mailsync/sync/send"
)

// message is a local message that is to be on the server.
type message struct {
	source *port.Source
	name   string
	uid    state.UID   // of its identity, 0 without
	flags  state.Flags // in the target's keywords
	proof  *state.Proof
	ident  state.FileIdent
	got    *state.Received // once it was read
	there  *offered        // the same on the server; nil: it is to be sent
}

// identify reads what identifies the file. Its error is why it is not sent: an empty or a compressed file is not,
// unless a digest proves that the server had it so.
func (c *message) identify() (err error) {
	if c.ident, err = c.source.Maildir.Ident(c.name); err != nil {
		return err
	}
	if c.ident.Packed == "" && c.ident.Size != 0 || c.proof != nil {
		return nil
	}
	got, err := c.read()
	switch {
	case err != nil || got.Confirmed:
		return err
	case got.Bytes == 0:
		return errors.New("the file is empty")
	}
	return send.Unpackable(c.ident.Packed)
}

func (c *message) sameBytes(as *message) (bool, error) {
	one, err := c.read()
	if err != nil {
		return false, err
	}
	two, err := as.read()
	return err == nil && one.Digest == two.Digest, err
}

// read reads the file, once.
func (c *message) read() (*state.Received, error) {
	if c.got == nil {
		got, err := c.source.Maildir.Inspect(c.name, c.proof)
		if err != nil {
			return nil, err
		}
		c.got = &got
	}
	return c.got, nil
}

// digest is that of the bytes that are sent: the recorded one, if there is one.
func (c *message) digest() ([state.DigestSize]byte, error) {
	if c.proof != nil {
		return c.proof.Digest, nil
	}
	got, err := c.read()
	if err != nil {
		return [state.DigestSize]byte{}, err
	}
	return got.Digest, nil
}

// sums are what its bytes are matched by.
func (c *message) sums() (*match.Sums, error) {
	got, err := c.read()
	if err != nil {
		return nil, err
	}
	return match.SumsOfFile(c.source.Maildir, c.name, got.Form)
}

// sound reads the file and returns what is wrong with it: damaged mail is not put on a
// server in place of what it was.
func (c *message) sound() error {
	got, err := c.read()
	switch {
	case err != nil:
		return err
	case c.proof != nil && (got.Digest != c.proof.Digest || got.Bytes != c.proof.Bytes),
		c.proof == nil && got.Hints.Hash != "" && !got.Confirmed:
		return state.Faultf(state.Other, "the file is damaged: its bytes are not those that were fetched").
			WithHint(`"mailsync verify" names all such files, and --repair fetches them again where the server still has them`)
	}
	return nil
}

// open opens the bytes as the server once sent them.
func (c *message) open() (io.ReadCloser, error) { return c.source.Maildir.Body(c.name, c.got.Form) }

func (c *message) String() string { return fmt.Sprintf("%s: %s", c.source.Name, c.name) }

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
	left     []state.NotMail // what cannot be sent, and why
	older    int             // left out by their dates

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
			why, own := port.FileError(ctx, err)
			if !own {
				return why
			}
			l.left = append(l.left, state.NotMail{Name: f.Name, Count: 1, Err: why})
		}
	}
	var others []*state.FileIdent
	for _, c := range l.messages {
		if c.ident.Mtime {
			others = append(others, &c.ident)
		}
	}
	redate(others)
	all := len(l.messages)
	l.messages = slices.DeleteFunc(l.messages, func(c *message) bool { return plan.Before(c.ident.Date, since) })
	l.older = all - len(l.messages)
	return nil
}

// take adds a file's message, undated where the server gave no date: the file's name has the time of the fetch. Its error
// is why the file is not sent.
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
		if first := l.first[id]; first != nil {
			same, err := first.sameBytes(c)
			if err != nil {
				return err
			}
			if same {
				first.flags |= c.flags
				return nil
			}
		}
		l.first[id] = c
	}
	l.messages = append(l.messages, c)
	return nil
}
