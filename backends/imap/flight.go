package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"mailsync/state"
)

// fetchItems is what is asked of each message. PEEK leaves \Seen alone (RFC 9051 section
// 6.4.5).
var fetchItems = &goimap.FetchOptions{
	UID: true, Flags: true, InternalDate: true, RFC822Size: true,
	BodySection: []*goimap.FetchItemBodySection{{Peek: true}},
}

// bodyAlone is what is asked of a server that has put something behind a body which could
// not be read: with nothing else asked for, nothing else should be there.
var bodyAlone = &goimap.FetchOptions{UID: true, BodySection: fetchItems.BodySection}

// flight is one UID FETCH under way.
type flight struct {
	r      *run
	item   state.Item
	exam   *examine
	left   []state.UID // asked for, and no body yet; sorted
	bodies atomic.Int32
	done   chan struct{} // closed when err is set
	err    error
	ended  bool // well
}

// drain takes everything that a command brings. It reads on whatever happens, so that
// nothing waits for it, except behind a literal that was cut off: imapclient's reader
// has gone on then, and ends by itself.
func (fl *flight) drain(ctx context.Context, cmd *imapclient.FetchCommand) {
	defer close(fl.done)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		if !fl.message(ctx, msg) {
			return
		}
	}
	if err := cmd.Close(); fl.err == nil {
		fl.err = err
	}
}

// message hands the body of one message on. It returns false after one that was cut off.
func (fl *flight) message(ctx context.Context, msg *imapclient.FetchMessageData) bool {
	in := state.Incoming{Date: state.NoDate, Size: -1}
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			in.UID = state.UID(item.UID)
		case imapclient.FetchItemDataFlags:
			in.Flags = systemFlags(item.Flags)
		case imapclient.FetchItemDataInternalDate:
			in.Date = state.DateOf(item.Time.Unix())
		case imapclient.FetchItemDataBodySection:
			if item.Literal == nil || !fl.wants(in.UID) {
				continue
			}
			in.Size = item.Literal.Size()
			if cut := fl.body(ctx, in, item.Literal); cut != nil {
				if fl.err == nil {
					fl.err = cut
				}
				return false
			}
		}
	}
	return true
}

// wants reports whether a body was asked for and was not sent yet, and counts it as
// sent.
func (fl *flight) wants(uid state.UID) bool {
	i, ok := slices.BinarySearch(fl.left, uid)
	if ok {
		fl.left = slices.Delete(fl.left, i, i+1)
	}
	return ok
}

// body hands one body on, unless the item has failed already. It returns an error only
// if the literal was cut off.
func (fl *flight) body(ctx context.Context, in state.Incoming, lit goimap.LiteralReader) (cut error) {
	if ctx.Err() != nil || fl.err != nil {
		return nil
	}
	if fl.err = fl.confirmed(ctx); fl.err != nil {
		return nil
	}
	fl.bodies.Add(1)
	r := &bodyReader{r: lit, left: in.Size, s: fl.r.s}
	if err := fl.r.f.work.Body(fl.item, in, r); err != nil {
		fl.err = err
		fl.r.f.stop(err)
	}
	return r.cut
}

// confirmed reports nil once the mailbox is known to be the one that the item means.
func (fl *flight) confirmed(ctx context.Context) error {
	select {
	case <-fl.exam.done:
	default:
		select {
		case <-fl.exam.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(grace):
			return errors.New("server sent a message before it had opened the mailbox")
		}
	}
	if fl.exam.err != nil {
		return fl.exam.err
	}
	if v := fl.item.UIDValidity; v == 0 || fl.exam.uidValidity != v {
		return state.ErrRenumbered
	}
	return nil
}

// verdict is how an item ended: nil after the tagged OK in the right mailbox.
func (fl *flight) verdict(ctx context.Context) error {
	// What is wrong with the mailbox is a better error than that of the FETCH which failed for it.
	if err := fl.confirmed(ctx); err != nil {
		return err
	}
	return fl.r.s.fault(ctx, fl.err)
}

// object is what is to blame where the connection broke: the mailbox, if that was not open yet, or
// the message that was asked for alone. Of several messages, the halves are asked for next.
func (fl *flight) object() object {
	<-fl.exam.done
	switch {
	case fl.exam.err != nil:
		return object{raw: fl.item.Raw}
	case len(fl.item.UIDs) == 1:
		return object{raw: fl.item.Raw, uid: fl.item.UIDs[0]}
	}
	return object{}
}

// systemFlags are the flags that need no table of the mailbox's keywords.
func systemFlags(flags []goimap.Flag) state.Flags {
	var r flagReader
	var f state.Flags
	for _, name := range flags {
		f |= r.bit(string(name))
	}
	return f
}

// bodyReader reads one literal. The end of the connection inside it can read as a clean
// EOF in imapclient; here it is an error, and stays one.
type bodyReader struct {
	r    io.Reader
	left int64
	s    *session
	cut  error
}

func (b *bodyReader) Read(p []byte) (int, error) {
	switch {
	case b.cut != nil:
		return 0, b.cut
	case b.left <= 0:
		return 0, io.EOF
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	if err == nil || b.left <= 0 {
		return n, nil
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if cause := b.s.w.LastError(); cause != nil {
		err = cause
	}
	b.cut = fmt.Errorf("message cut off, %d bytes missing: %w", b.left, err)
	return n, b.cut
}
