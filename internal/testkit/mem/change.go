package mem

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"mailsync/state"
)

// change opens a mailbox for a command that changes it.
func (s *Server) change(command, raw string, uidValidity uint32) (*Mailbox, error) {
	m, err := s.open(command, raw)
	if err == nil && m.UIDValidity != uidValidity {
		err = state.ErrRenumbered
	}
	return m, err
}

// Store changes flags and echoes them. A message that changed since req.Since is left alone.
func (s *Server) Store(_ context.Context, req state.StoreRequest) (state.Stored, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.change("STORE", req.Raw, req.UIDValidity)
	if err != nil {
		return state.Stored{}, err
	}
	var out state.Stored
	denied := s.denied(req.Keywords)
	for _, c := range req.Changes {
		out.Denied |= (c.Add | c.Remove) & denied
		msg := m.Find(c.UID)
		if msg == nil {
			continue
		}
		if req.Since == 0 || m.ModSeq == 0 || msg.modseq <= req.Since {
			for _, name := range s.kept(req.Keywords, c.Add&^denied) {
				m.Flag(c.UID, name, true)
			}
			for _, name := range s.kept(req.Keywords, c.Remove&^denied) {
				m.Flag(c.UID, name, false)
			}
		}
		out.Echoed = append(out.Echoed, msg.seen(req.Keywords))
	}
	if err := s.unanswered("STORE", req.Raw); err != nil {
		return state.Stored{}, err
	}
	slices.SortFunc(out.Echoed, func(a, b state.OnServer) int { return cmp.Compare(a.UID, b.UID) })
	return out, nil
}

// denied are the flags that the mailboxes do not let this user change.
func (s *Server) denied(kw *state.Keywords) (f state.Flags) {
	for _, name := range s.Denies {
		if bit, ok := kw.Bit(name); ok {
			f |= bit
		}
	}
	return f
}

func (s *Server) unanswered(name, raw string) error {
	if s.Unanswered != nil {
		return s.Unanswered(name, raw)
	}
	return nil
}

// kept spells those of the flags that the server keeps.
func (s *Server) kept(kw *state.Keywords, f state.Flags) []string {
	return slices.DeleteFunc(kw.NamesOf(f), func(name string) bool { return slices.Contains(s.Loses, name) })
}

// Append stores messages and tells their UIDs.
func (s *Server) Append(_ context.Context, raw string, msgs []state.Outgoing, kw *state.Keywords) ([]state.Appended, error) {
	out := make([]state.Appended, len(msgs))
	for i, msg := range msgs {
		out[i] = s.append(raw, msg, kw)
	}
	return out, nil
}

func (s *Server) append(raw string, out state.Outgoing, kw *state.Keywords) state.Appended {
	r, err := out.Open()
	if err != nil {
		return state.Appended{Err: err}
	}
	defer r.Close()
	var body bytes.Buffer
	if n, err := io.Copy(&body, r); err != nil || n != out.Size {
		return state.Appended{Err: fmt.Errorf("%d of %d octets: %w", n, out.Size, cmp.Or(err, io.ErrUnexpectedEOF))}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.open("APPEND", raw)
	if err != nil {
		return state.Appended{Err: err}
	}
	if s.Refuses != nil {
		if err := s.Refuses(body.String()); err != nil {
			return state.Appended{Err: err}
		}
	}
	if s.Breaks != nil && s.Breaks(body.String()) {
		return state.Appended{Err: errBroke, Doubt: state.CutOff}
	}
	text, date := s.made(body.String(), out.Date)
	denied := s.denied(kw)
	words := out.Flags & denied &^ (state.System &^ state.Forwarded)
	uid := m.Add(text, date, s.kept(kw, out.Flags&^denied)...)
	m.Find(uid).late = s.Late
	if s.Keeps != nil && !s.Keeps(body.String()) {
		m.Messages = m.Messages[:len(m.Messages)-1]
	}
	if err := s.unanswered("APPEND", raw); err != nil {
		return state.Appended{Err: err, Doubt: state.Unsure}
	}
	if s.NoUIDPlus {
		return state.Appended{Without: words}
	}
	return state.Appended{UIDValidity: m.UIDValidity, UID: uid, Without: words}
}

// made is what the server makes of a message that it stores.
func (s *Server) made(body string, date int64) (string, int64) {
	if s.Stores == nil {
		return body, date
	}
	return s.Stores(body, date)
}

// Expunge deletes those of the messages that are still what they should be. Those that
// go by way of the trash stay there where the server has no UIDPLUS.
func (s *Server) Expunge(_ context.Context, req state.ExpungeRequest) (state.Expunged, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var done state.Expunged
	s.Ways = append(s.Ways, req.Trash)
	m, err := s.change("EXPUNGE", req.Raw, req.UIDValidity)
	if err == nil && s.NoUIDPlus && (req.Trash == "" || s.NoMove) {
		err = errNoUIDPlus
	}
	if err != nil {
		return done, err
	}
	for _, d := range req.Messages {
		msg := m.Find(d.UID)
		if msg == nil {
			done.Gone = append(done.Gone, d.UID)
			continue
		}
		now := msg.seen(req.Keywords)
		if d.Size >= 0 && d.Size != now.Size || d.Date != state.NoDate && d.Date != now.Date || req.Confirm != nil && !req.Confirm(now) {
			done.Kept = append(done.Kept, d.UID)
			continue
		}
		if trash := s.boxes[req.Trash]; trash != nil && s.NoUIDPlus {
			trash.take(msg)
			done.Trashed = append(done.Trashed, d.UID)
		}
		m.Expunge(d.UID)
		done.Gone = append(done.Gone, d.UID)
	}
	if err := s.unanswered("EXPUNGE", req.Raw); err != nil {
		return state.Expunged{}, err
	}
	return done, nil
}

var errBroke = state.Faultf(state.Unreachable, "the connection broke")

var errNoUIDPlus = errors.New("the server has no UIDPLUS")

// take puts a copy of a message into the mailbox.
func (m *Mailbox) take(msg *Message) state.UID {
	uid := m.Add(msg.Body, msg.Date)
	there := m.Find(uid)
	there.Flags, there.Size, there.EmailID = maps.Clone(msg.Flags), msg.Size, msg.EmailID
	return uid
}

// Move moves messages and tells their new UIDs.
func (s *Server) Move(_ context.Context, from string, uidValidity uint32, uids []state.UID, to string) ([]state.Moved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.change("MOVE", from, uidValidity)
	if err != nil {
		return nil, err
	}
	dest := s.boxes[to]
	if dest == nil {
		return nil, fmt.Errorf("the server answered NO [TRYCREATE]: no mailbox %q", to)
	}
	var moved, copied []state.Moved
	for _, uid := range uids {
		msg := m.Find(uid)
		if msg == nil {
			continue
		}
		now := dest.take(msg)
		there := dest.Find(now)
		there.Body, there.Date = s.made(there.Body, there.Date)
		there.late = s.Late
		if s.NoCopyUID {
			copied = append(copied, state.Moved{From: uid})
			continue
		}
		m.Expunge(uid)
		if s.NoUIDPlus {
			now = 0
		}
		moved = append(moved, state.Moved{From: uid, To: now, UIDValidity: dest.UIDValidity})
	}
	if err := s.unanswered("MOVE", from); err != nil {
		return nil, err
	}
	if len(copied) > 0 {
		return moved, &state.CopiedError{Messages: copied, Err: errors.New("they are still there")}
	}
	return moved, nil
}

// CreateMailbox makes a mailbox, unless it is there.
func (s *Server) CreateMailbox(_ context.Context, levels []string, role string) (state.Listed, error) {
	raw := strings.Join(levels, "/")
	s.mu.Lock()
	err := s.command("CREATE", raw)
	there := s.boxes[raw] != nil
	s.mu.Unlock()
	if err != nil {
		return state.Listed{}, err
	}
	if !there {
		s.Create(raw).Role = role
	}
	return state.Listed{Raw: raw, Levels: levels, Sep: "/", Role: role, Size: -1}, nil
}

// Idents reads Message-ID fields.
func (s *Server) Idents(_ context.Context, raw string, uidValidity uint32, uids []state.UID) ([]state.Ident, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.change("IDENTS", raw, uidValidity)
	if err != nil {
		return nil, err
	}
	var out []state.Ident
	for _, uid := range uids {
		if msg := m.Find(uid); msg != nil && !s.Mute {
			out = append(out, state.Ident{UID: uid, MessageID: messageID(msg.Body), EmailID: s.emailID(msg)})
		}
	}
	slices.SortFunc(out, func(a, b state.Ident) int { return cmp.Compare(a.UID, b.UID) })
	return out, nil
}

func (s *Server) emailID(m *Message) string {
	if m.EmailID != "" || !s.ByContent {
		return m.EmailID
	}
	return fmt.Sprintf("G%x", sha256.Sum256([]byte(m.Body)))
}

func messageID(body string) string {
	value, found := "", false
	for line := range strings.SplitSeq(body, "\n") {
		line = strings.TrimRight(line, "\r")
		name, rest, ok := strings.Cut(line, ":")
		switch folded := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t"); {
		case line == "" || found && !folded:
			return strings.TrimSpace(value)
		case found:
			value += line
		case ok && strings.EqualFold(name, "Message-ID"):
			value, found = rest, true
		}
	}
	return strings.TrimSpace(value)
}

// Quota returns what a test set.
func (s *Server) Quota(context.Context, string) ([]state.Quota, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Quotas), nil
}
