package mem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	gosync "sync"

	"mailsync/state"
	"mailsync/sync/port"
)

// Server is an IMAP server's account in memory: mailboxes whose messages have UIDs,
// flags by name and a MODSEQ. Tests change it while the engine looks, and can make its
// answers wrong.
type Server struct {
	mu    gosync.Mutex
	boxes map[string]*Mailbox
	sent  int64

	// Body, if set, may replace what Fetch sends of a message, or make it fail: with an
	// error the literal ends after the returned bytes.
	Body func(raw string, uid state.UID, body []byte) ([]byte, error)
	// Command, if set, is asked before every command; its error is the answer.
	Command func(name, raw string) error
	// Unanswered, if set, is asked after an APPEND, STORE, EXPUNGE or MOVE was carried out; its
	// error is what comes instead of the answer.
	Unanswered func(name, raw string) error
	// Partial makes every scan a listing that is not complete.
	Partial bool
	// Mute makes Idents tell nothing of any message.
	Mute bool
	// Quotas are every mailbox's.
	Quotas []state.Quota
	// NoUIDPlus takes UIDPLUS away: nothing is expunged by UID, and no new UID is told.
	NoUIDPlus bool
	// Stores, if set, is what APPEND, COPY and MOVE make of a message.
	Stores func(body string, date int64) (string, int64)
	// Keeps, if set, is asked whether an APPEND that is answered OK is kept.
	Keeps func(body string) bool
	// Refuses, if set, is asked for the error with which a message is not stored.
	Refuses func(body string) error
	// Breaks, if set, is asked whether the connection breaks before an APPEND has all of a message.
	Breaks func(body string) bool
	// Late shows what was appended or moved only to sessions that begin later: with a List, or a
	// scan that is Anew.
	Late bool
	// NoCopyUID copies what it is to move, and tells no UIDs.
	NoCopyUID bool
	// Loses are flags that STORE and APPEND take and do not keep.
	Loses []string
	// Denies are flags that the mailboxes do not let this user change.
	Denies []string
	// NoMove takes MOVE away.
	NoMove bool
	// NoUses takes SPECIAL-USE away: no mailbox shows its Role.
	NoUses bool
	// Restless gives an empty mailbox another UIDVALIDITY each time it is looked at, and once
	// more with its first message, as Courier does until one is opened for writing.
	Restless bool
	// Labels makes mailboxes labels, as with Gmail.
	Labels bool
	// ByContent gives messages without an EMAILID one by their content, as Cyrus does.
	ByContent bool
	// Ways are the Trash of each Expunge so far.
	Ways []string
}

var _ port.Server = (*Server)(nil)

// Mailbox is one mailbox of a Server. Change it through Server.Change.
type Mailbox struct {
	Raw         string
	Role        string
	ID          string // MAILBOXID, "" for a server without OBJECTID
	ListedID    string // what List tells in its place, "" for the truth
	UIDValidity uint32
	UIDNext     uint32
	ModSeq      uint64 // 0: the server has no CONDSTORE
	Messages    []*Message
	gone        []gone
}

// Message is one message on a Server.
type Message struct {
	UID     state.UID
	Flags   map[string]bool
	Date    int64
	Body    string
	Size    int64  // RFC822.SIZE as told; -1: that of Body
	EmailID string // "" for a server without OBJECTID
	modseq  uint64
	late    bool // not shown yet
}

type gone struct {
	uid    state.UID
	modseq uint64
}

// NewServer returns an account with an empty INBOX.
func NewServer() *Server {
	s := &Server{boxes: map[string]*Mailbox{}}
	s.Create("INBOX")
	return s
}

// Create makes a mailbox, with CONDSTORE.
func (s *Server) Create(raw string) *Mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &Mailbox{Raw: raw, UIDValidity: 1000 + uint32(len(s.boxes)), UIDNext: 1, ModSeq: 1}
	s.boxes[raw] = m
	return m
}

// Change runs f on a mailbox, undisturbed.
func (s *Server) Change(raw string, f func(*Mailbox)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.boxes[raw])
}

// Add puts a message into the mailbox and returns its UID.
func (m *Mailbox) Add(body string, date int64, flags ...string) state.UID {
	uid := state.UID(m.UIDNext)
	m.UIDNext++
	msg := &Message{UID: uid, Flags: map[string]bool{}, Date: date, Body: body, Size: -1, modseq: m.tick()}
	for _, f := range flags {
		msg.Flags[f] = true
	}
	m.Messages = append(m.Messages, msg)
	return uid
}

// Find returns a message, nil if there is none with that UID.
func (m *Mailbox) Find(uid state.UID) *Message {
	for _, msg := range m.Messages {
		if msg.UID == uid {
			return msg
		}
	}
	return nil
}

// Flag sets or clears a flag of a message.
func (m *Mailbox) Flag(uid state.UID, flag string, on bool) {
	if msg := m.Find(uid); msg != nil && msg.Flags[flag] != on {
		if on {
			msg.Flags[flag] = true
		} else {
			delete(msg.Flags, flag)
		}
		msg.modseq = m.tick()
	}
}

// Expunge removes messages for good.
func (m *Mailbox) Expunge(uids ...state.UID) {
	m.Messages = slices.DeleteFunc(m.Messages, func(msg *Message) bool {
		if !slices.Contains(uids, msg.UID) {
			return false
		}
		m.gone = append(m.gone, gone{msg.UID, m.tick()})
		return true
	})
}

func (m *Mailbox) tick() uint64 {
	if m.ModSeq > 0 {
		m.ModSeq++
	}
	return m.ModSeq
}

func (m *Mailbox) mark() state.Mark {
	return state.Mark{UIDValidity: m.UIDValidity, UIDNext: m.UIDNext, ModSeq: m.ModSeq, Exists: uint32(len(m.Messages))}
}

// command counts one command and asks whether it may succeed.
func (s *Server) command(name, raw string) error {
	s.sent++
	if s.Command != nil {
		return s.Command(name, raw)
	}
	return nil
}

// Commands returns how many commands were sent.
func (s *Server) Commands() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sent
}

// Close does nothing: the account goes on.
func (s *Server) Close() error { return nil }

// List returns every mailbox with its STATUS.
func (s *Server) List(_ context.Context, want func(state.Listed) bool) (*state.Listing, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.command("LIST", ""); err != nil {
		return nil, err
	}
	s.begin()
	l := &state.Listing{UIDPlus: !s.NoUIDPlus, Move: !s.NoMove, Labels: s.Labels, EmailIDs: s.ByContent, Uses: !s.NoUses}
	for _, raw := range slices.Sorted(maps.Keys(s.boxes)) {
		m := s.boxes[raw]
		one := state.Listed{Raw: raw, Levels: strings.Split(raw, "/"), Sep: "/", Role: m.Role, MailboxID: cmp.Or(m.ListedID, m.ID), Size: -1}
		if s.NoUses {
			one.Role = ""
		}
		if want == nil || want(one) {
			s.stir(m)
			one.Mark, one.HasMark = m.mark(), true
		}
		l.Mailboxes = append(l.Mailboxes, one)
		l.EmailIDs = l.EmailIDs || slices.ContainsFunc(m.Messages, func(msg *Message) bool { return msg.EmailID != "" })
	}
	return l, nil
}

// Scan lists what changed since req.Since, or everything where that does not add up.
func (s *Server) Scan(_ context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if req.Anew {
		s.begin()
	}
	box, err := s.open("SCAN", req.Raw)
	if err != nil {
		return nil, err
	}
	m := box.shown()
	sn := s.list(m, req)
	if req.Writable {
		sn.ReadOnly, sn.NewWords, sn.Permanent = false, false, req.Keywords.All()&^s.denied(req.Keywords)
	}
	fresh := 0
	for _, msg := range sn.Messages {
		if _, known := slices.BinarySearch(req.KnownUID, msg.UID); !known {
			fresh++
		}
	}
	if !sn.All && req.Known-len(sn.Gone)+fresh != len(m.Messages) { // the changes do not add up
		req.Full = true
		sn = s.list(m, req)
	}
	return sn, nil
}

// list lists what changed since req.Since, or everything.
func (s *Server) list(m *Mailbox, req state.ScanRequest) *state.ServerSnapshot {
	since := req.Since.ModSeq
	all := req.Full || since == 0 || m.ModSeq == 0 || req.Since.UIDValidity != m.UIDValidity
	sn := &state.ServerSnapshot{Mark: m.mark(), All: all, Complete: !s.Partial, Permanent: ^state.Flags(0), NewWords: true, ReadOnly: true, MailboxID: m.ID}
	for i, msg := range m.Messages {
		if all && s.Partial && i%2 == 1 || !all && msg.modseq <= since {
			continue
		}
		sn.Messages = append(sn.Messages, msg.seen(req.Keywords))
	}
	slices.SortFunc(sn.Messages, func(a, b state.OnServer) int { return cmp.Compare(a.UID, b.UID) })
	for _, g := range m.gone {
		if !all && g.modseq > since && slices.Contains(req.KnownUID, g.uid) {
			sn.Gone = append(sn.Gone, g.uid)
		}
	}
	slices.Sort(sn.Gone)
	return sn
}

func (s *Server) open(command, raw string) (*Mailbox, error) {
	if err := s.command(command, raw); err != nil {
		return nil, err
	}
	m := s.boxes[raw]
	if m == nil {
		return nil, fmt.Errorf("the server answered NO: no mailbox %q", raw)
	}
	s.stir(m)
	return m, nil
}

func (m *Message) seen(kw *state.Keywords) state.OnServer {
	o := state.OnServer{UID: m.UID, Size: m.Size, Date: m.Date}
	if o.Size < 0 {
		o.Size = int64(len(m.Body))
	}
	for _, name := range slices.Sorted(maps.Keys(m.Flags)) {
		if bit, ok := kw.Bit(name); ok {
			o.Flags |= bit
		}
	}
	return o
}

// Fetch sends the bodies of one item after the other, on one connection.
func (s *Server) Fetch(ctx context.Context, work state.Work) error {
	selected := ""
	for ctx.Err() == nil {
		item, ok := work.Next(selected)
		if !ok {
			return nil
		}
		selected = item.Raw
		err := s.fetchItem(work, item)
		var stop stopped
		if errors.As(err, &stop) {
			work.Done(item, stop.error)
			return stop.error
		}
		work.Done(item, err)
	}
	return ctx.Err()
}

// stopped carries an error of Work.Body, which ends the whole Fetch.
type stopped struct{ error }

func (s *Server) fetchItem(work state.Work, item state.Item) error {
	s.mu.Lock()
	m, err := s.open("FETCH", item.Raw)
	if err == nil && m.UIDValidity != item.UIDValidity {
		err = state.ErrRenumbered
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	var send []Message
	for _, uid := range item.UIDs {
		if msg := m.Find(uid); msg != nil {
			send = append(send, *msg)
		}
	}
	s.mu.Unlock()
	for _, msg := range send {
		body, err := []byte(msg.Body), error(nil)
		if s.Body != nil {
			body, err = s.Body(item.Raw, msg.UID, body)
		}
		if body == nil {
			continue // no body for this one
		}
		r := io.Reader(strings.NewReader(string(body)))
		in := state.Incoming{UID: msg.UID, Date: msg.Date, Size: int64(len(body))}
		if err != nil {
			in.Size++
			r = io.MultiReader(r, broken{err})
		}
		if err := work.Body(item, in, r); err != nil {
			return stopped{err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// begin begins a session, which sees everything.
func (s *Server) begin() {
	for _, m := range s.boxes {
		for _, msg := range m.Messages {
			msg.late = false
		}
	}
}

// shown is the mailbox without what the session does not see.
func (m *Mailbox) shown() *Mailbox {
	out := *m
	out.Messages = slices.DeleteFunc(slices.Clone(m.Messages), func(msg *Message) bool { return msg.late })
	return &out
}

// Drop removes a mailbox.
func (s *Server) Drop(raw string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.boxes, raw)
}
