package restore

import (
	"sync"

	"mailsync/state"
)

// shown is what the mailboxes that were looked at hold, by their bytes: a view (all mail, what is flagged) shows it too.
type shown struct {
	mu   sync.Mutex
	held map[[state.DigestSize]byte]bool
}

// leaveOut leaves out of what goes to a view what other mailboxes hold. nil leaves out nothing.
func (s *shown) leaveOut(g *target, local []*message) []*message {
	if s == nil {
		return local
	}
	digests := make([][state.DigestSize]byte, 0, len(local))
	left := make([]*message, 0, len(local))
	for _, c := range local {
		digest, err := c.digest()
		switch {
		case err != nil: // that it cannot be read is reported when it is to be sent
		case g.view() && s.holds(digest):
			g.said.Shown++
			continue
		default:
			digests = append(digests, digest)
		}
		left = append(left, c)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digest := range digests {
		s.held[digest] = true
	}
	return left
}

func (s *shown) holds(digest [state.DigestSize]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[digest]
}
