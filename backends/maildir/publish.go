package maildir

import (
	"encoding/base32"
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
)

var encoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// Publish links a received body to its final name, takes it out of tmp/, and returns
// its place. Whatever its flags, the hints in its name and its folder, a file of the same
// identity is in the same place: nothing is overwritten. With equal bytes it is that
// file, which is Found while the new one is dropped; with other bytes the error
// is state.ErrOccupied and the body stays in tmp/. After any other error the body is in
// tmp/ still, or published, and Publish may be called again.
func (m *Maildir) Publish(in state.Received, kw *state.Keywords) (state.Placed, error) {
	in.Variant = max(in.Variant, 1)
	return m.publish(in, m.nameOf(in), origin{dir: dirNew}, kw)
}

// origin is what of a file's place does not change with its identity: a file that a
// reader took to cur/ stays there, and letters stay.
type origin struct{ dir, letters string }

func (m *Maildir) publish(in state.Received, n Name, was origin, kw *state.Keywords) (state.Placed, error) {
	if err := n.check(in); err != nil {
		return state.Placed{}, err
	}
	id := m.index.identify(n)
	there, err := m.index.present(id)
	if err != nil {
		return state.Placed{}, err
	}
	if len(there) > 0 {
		return m.settle(in, there)
	}
	// Mail does not wait for the name of a keyword: without a letter it is left out, and
	// the place says so.
	_ = m.alphabet.spell(in.Flags, kw)
	name := m.place(n, in.Flags, was)
	err = m.tmp.give(in.Tmp, m.at(name))
	if errors.Is(err, fs.ErrExist) {
		return m.settle(in, []string{name})
	}
	if err != nil {
		return state.Placed{}, fault(err, "publish %s", m.at(name))
	}
	dir, _, _ := split(name)
	m.touch(dir)
	m.index.add(id, name)
	return m.placed(name, false), nil
}

// placed reads a file's flags off its name.
func (m *Maildir) placed(name string, found bool) state.Placed {
	return state.Placed{Name: name, Flags: m.alphabet.letters.flags(infoOf(name)), Found: found}
}

func (m *Maildir) nameOf(in state.Received) Name {
	n := Name{
		Date: m.t.arrival(in.Date), UID: in.UID, Variant: in.Variant, Token: in.Token,
		OnDisk: in.OnDisk, Bytes: in.Bytes, Hash: hashOf(in.Digest),
	}
	if m.t.opts.Keys != nil {
		if key, ok := m.t.opts.Keys.Key(in.UID); ok {
			n.UID, n.Key = 0, key
		}
	}
	return n
}

// check sees that a name can be read back: its token may be one that cannot stand in a name.
func (n Name) check(in state.Received) error {
	if got, ok := ParseName(n.String()); !ok || got != n {
		return fmt.Errorf("message %d with token %q: %w", in.UID, in.Token, fs.ErrInvalid)
	}
	return nil
}

// hashOf is the digest as H= spells it.
func hashOf(digest [state.DigestSize]byte) string {
	return encoding.EncodeToString(digest[:])[:hashSize]
}

// place is where a file goes: to new/ without any flag, else to cur/.
func (m *Maildir) place(n Name, flags state.Flags, was origin) string {
	letters := m.alphabet.letters.set(was.letters, flags, m.alphabet.letters.named())
	if flags == 0 && letters == "" && was.dir == dirNew {
		return dirNew + "/" + n.String()
	}
	return dirCur + "/" + joinInfo(n.String(), letters)
}

// settle compares a received body with the files that have its identity.
func (m *Maildir) settle(in state.Received, there []string) (state.Placed, error) {
	want := &state.Proof{Digest: in.Digest, Bytes: in.Bytes}
	for _, name := range there {
		got, err := m.Inspect(name, want)
		if err != nil {
			return state.Placed{}, err
		}
		if got.Digest == in.Digest && got.Bytes == in.Bytes {
			// The file may be a user's copy that was never synced.
			if err := m.harden(name); err != nil {
				return state.Placed{}, err
			}
			m.Discard(in)
			return m.placed(name, true), nil
		}
	}
	return state.Placed{}, fmt.Errorf("message %d in %s: %w", in.UID, m.at(there[0]), state.ErrOccupied)
}
