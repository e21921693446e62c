package restore

import (
	"errors"
	"fmt"
	"io"

	"mailsync/state"
	"mailsync/sync/match"
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

// identify reads what tells the file from others. Its error says why it is not sent: an empty or a compressed file is not,
// unless a digest says that the server had it so.
func (c *message) identify() (err error) {
	if c.ident, err = c.source.Maildir.Ident(c.name); err != nil {
		return err
	}
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

// digest is that of the bytes that go to the server: the recorded one where there is one.
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

// sound reads the file and says what is wrong with it: damaged mail is not put on a
// server in place of what it was.
func (c *message) sound() error {
	got, err := c.read()
	switch {
	case err != nil:
		return err
	case c.proof != nil && (got.Digest != c.proof.Digest || got.Bytes != c.proof.Bytes),
		c.proof == nil && got.Hints.Hash != "" && !got.Vouched:
		return state.Faultf(state.Other, "the file is damaged: its bytes are not those that were fetched").
			WithHint(`"mailsync verify" names all such files, and --repair fetches them again where the server still has them`)
	}
	return nil
}

// open opens the bytes as the server once sent them.
func (c *message) open() (io.ReadCloser, error) { return c.source.Maildir.Body(c.name, c.got.Form) }

func (c *message) String() string { return fmt.Sprintf("%s: %s", c.source.Name, c.name) }
