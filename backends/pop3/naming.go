package pop3

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"mailsync/state"
)

// name gives every message of the session's listing its UID. For messages without a
// unique-id of their own that takes reading them.
func (s *session) name(ctx context.Context) error {
	l := s.list
	if l.named {
		return nil
	}
	if err := s.a.o.Numbers.Load(); err != nil {
		return err
	}
	l.byUID = make(map[state.UID]int32, len(l.messages))
	l.digests = map[state.UID]byDigest{}
	l.trouble = nil
	var nameless []int32
	for i := range l.messages {
		m := &l.messages[i]
		if m.text == "" {
			nameless = append(nameless, int32(i))
			continue
		}
		if err := s.give(int32(i), m.text); err != nil {
			return err
		}
	}
	if len(nameless) > 0 {
		if err := s.nameByDigest(ctx, nameless); err != nil {
			return err
		}
	}
	if l.named = true; !l.complete() && len(l.trouble) == 0 {
		l.trouble = append(l.trouble, state.Trouble{Err: state.Faultf(state.Other, "%s", l.flaw()).
			WithHint("run it again; if it stays so, the server has lost track of the mailbox: tell its operator")})
	}
	return nil
}

// holdsBack reports whether messages without a unique-id are left alone: where a listing is
// not complete, and may leave out the unique-ids of messages that are here already. To name
// those by their digests would bring each of them a second time.
func (s *session) holdsBack() bool {
	return s.list.hasUIDL && !s.list.complete() && s.a.o.Numbers.hadUIDLs()
}

// give numbers one message.
func (s *session) give(i int32, text string) error {
	uid, err := s.a.o.Numbers.number(text)
	if err != nil {
		return err
	}
	m := &s.list.messages[i]
	m.uid = uid
	s.list.byUID[uid] = i
	return nil
}

// nameByDigest identifies messages by their bytes. Those whose header and size are known
// need not be read.
func (s *session) nameByDigest(ctx context.Context, nameless []int32) error {
	hold := s.holdsBack()
	if hold && len(s.a.o.Numbers.digests()) == 0 {
		s.list.held = len(nameless)
		return nil
	}
	prints, err := s.fingerprints(nameless)
	if err != nil {
		return err
	}
	here := map[string]int{}
	for _, p := range prints {
		here[p]++
	}
	known := recognizable(s.a.o.Numbers.digests(), here)
	taken := counts{}
	var unread []int32
	for _, i := range nameless {
		p := prints[i]
		if p == "" || len(known[p]) == 0 {
			unread = append(unread, i)
			continue
		}
		d := known[p][0]
		known[p] = known[p][1:]
		taken[d.key()] = true
		if err := s.giveDigest(i, d); err != nil {
			return err
		}
	}
	if hold {
		s.list.held = len(unread)
		return nil
	}
	for _, i := range unread {
		if err := s.read(ctx, i, prints[i], taken); err != nil {
			return err
		}
	}
	return nil
}

// recognizable sorts the known digests by fingerprint, and leaves out those that prove
// nothing: where messages of one header and size had different bytes before, or where
// more of them are here than were then.
func recognizable(known []byDigest, here map[string]int) map[string][]byDigest {
	slices.SortFunc(known, func(a, b byDigest) int {
		return cmp.Or(bytes.Compare(a.digest[:], b.digest[:]), cmp.Compare(a.count, b.count))
	})
	by := map[string][]byDigest{}
	for _, d := range known {
		if here[d.fingerprint] > 0 {
			by[d.fingerprint] = append(by[d.fingerprint], d)
		}
	}
	for p, all := range by {
		if here[p] > len(all) || all[0].digest != all[len(all)-1].digest {
			delete(by, p)
		}
	}
	return by
}

// read reads one message to name it. One that cannot be read is left out of the listing.
func (s *session) read(ctx context.Context, i int32, print string, taken counts) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	no := s.list.messages[i].no
	var digest [sha256.Size]byte
	err := errBrokeTwice
	if s.a.unread[no] < 2 {
		digest, err = s.digest(no)
	}
	if _, refused := asRefusal(err); refused || errors.Is(err, errBrokeTwice) {
		s.list.trouble = append(s.list.trouble, state.Trouble{
			Err: fmt.Errorf("message %d has no unique-id of its own and cannot be read: %w", no, err)})
		return nil
	}
	if err != nil {
		s.a.unread[no]++
		return err
	}
	d := taken.next(digest)
	d.fingerprint = print
	return s.giveDigest(i, d)
}

var errBrokeTwice = errors.New("the connection broke at it twice")

func (s *session) giveDigest(i int32, d byDigest) error {
	if err := s.give(i, d.text()); err != nil {
		return err
	}
	s.list.digests[s.list.messages[i].uid] = d
	return nil
}

// counts distinguishes messages of the same bytes.
type counts map[key]bool

// next is the first of the messages with this digest that is not taken.
func (c counts) next(digest [sha256.Size]byte) byDigest {
	d := byDigest{digest: digest, count: 1}
	for c[d.key()] {
		d.count++
	}
	c[d.key()] = true
	return d
}

// fingerprints asks for the headers of messages, where the server has TOP (RFC 1939
// section 7).
func (s *session) fingerprints(nameless []int32) (map[int32]string, error) {
	prints := make(map[int32]string, len(nameless))
	if s.a.avoided["TOP"] || s.c.caps.known && !s.c.caps.has("TOP") {
		return prints, nil
	}
	sized := slices.DeleteFunc(slices.Clone(nameless), func(i int32) bool { return s.list.messages[i].size < 0 })
	err := s.c.askAll(questions(sized, func(i int32) question {
		m := &s.list.messages[i]
		return question{about("TOP", m.no) + " 0", func(_ string, err error) error {
			if err != nil {
				return nil // all of it is read
			}
			sum, err := s.c.sum()
			if err == nil {
				prints[i] = fingerprint(sum, m.size)
			}
			return err
		}}
	}))
	if err != nil {
		s.a.avoided["TOP"] = true
	}
	return prints, err
}

func fingerprint(header [sha256.Size]byte, size int64) string {
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(header[:], uint64(size)))
	return base32.StdEncoding.EncodeToString(sum[:])[:keySize]
}

// digest reads a message for its SHA-256.
func (s *session) digest(no int32) (sum [sha256.Size]byte, err error) {
	if _, err := s.c.command(about("RETR", no)); err != nil {
		return sum, err
	}
	return s.c.sum()
}

// sum reads a body for its SHA-256.
func (c *client) sum() (sum [sha256.Size]byte, err error) {
	d, h := &dotReader{r: c.r}, sha256.New()
	_, copied := io.Copy(h, d)
	if err := c.bodyEnded(d); err != nil {
		return sum, err
	}
	if copied != nil {
		return sum, copied
	}
	h.Sum(sum[:0])
	return sum, nil
}

// errOtherBytes means that a message which is named by its digest has other bytes now.
var errOtherBytes = errors.New("the message has other bytes than when it was listed")
