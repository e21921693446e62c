package mem

import "mailsync/state"

// Renumber gives every message of the mailbox a new UID, from first up in the order they
// are in, under another UIDVALIDITY: as when a mailbox was moved or its index was lost.
func (m *Mailbox) Renumber(uidValidity, first uint32) {
	m.UIDValidity, m.UIDNext, m.gone = uidValidity, first, nil
	for _, msg := range m.Messages {
		msg.UID = state.UID(m.UIDNext)
		m.UIDNext++
		msg.modseq = m.tick()
	}
}

// Clone returns a copy of the mailbox as it is now, as a backup of the server's has it.
func (m *Mailbox) Clone() *Mailbox {
	c := *m
	c.gone = append([]gone(nil), m.gone...)
	c.Messages = nil
	for _, msg := range m.Messages {
		one := *msg
		one.Flags = map[string]bool{}
		for f := range msg.Flags {
			one.Flags[f] = true
		}
		c.Messages = append(c.Messages, &one)
	}
	return &c
}

// Restore puts a mailbox in the place of the one of its name.
func (s *Server) Restore(m *Mailbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes[m.Raw] = m.Clone()
}

// Rename renames a mailbox, alone, as it is.
func (s *Server) Rename(from, to string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.boxes[from]
	delete(s.boxes, from)
	m.Raw = to
	s.boxes[to] = m
}

// stir gives a mailbox that holds nothing another UIDVALIDITY, on a restless server.
func (s *Server) stir(m *Mailbox) {
	if s.Restless && len(m.Messages) == 0 {
		m.UIDValidity++
	}
}
