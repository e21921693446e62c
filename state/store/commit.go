package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// Commit applies all of one transaction, durably, or refuses it. Those that come while another is written are
// written together after it, for what is written costs little beside making it durable.
func (s *Store) Commit(_ context.Context, c state.Commit) error {
	w := &waiting{Commit: &c, err: errUnwritten}
	s.queue.add(w)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !w.taken { // by one that came before
		s.commit(s.queue.take())
	}
	return w.err
}

// waiting is a commit that is to be written, and then what became of it. Until that is known it failed: whoever took it
// may never come back.
type waiting struct {
	*state.Commit
	taken bool
	err   error
}

var errUnwritten = errors.New("commit: it was not written")

// queue has the commits that wait for their turn.
type queue struct {
	mu  sync.Mutex
	all []*waiting
}

func (q *queue) add(w *waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, w)
}

func (q *queue) take() (all []*waiting) {
	q.mu.Lock()
	defer q.mu.Unlock()
	all, q.all = q.all, nil
	for _, w := range all {
		w.taken = true
	}
	return all
}

// commit writes commits in one transaction. Where one of them is refused, each is written by itself.
func (s *Store) commit(all []*waiting) {
	err := s.together(all)
	for _, w := range all {
		if err != nil && len(all) > 1 {
			w.err = s.together([]*waiting{w})
		} else {
			w.err = err
		}
	}
}

// together writes all of these commits or, where it returns an error, none.
func (s *Store) together(all []*waiting) error {
	next := memory{boxes: map[int64]*mailbox{}, gens: map[state.GenID]*generation{}}
	grown := make([]*mailbox, len(all)) // with the keywords as of this commit
	for i, w := range all {
		var err error
		if grown[i], err = next.prepare(&s.known, w.Commit); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	err := s.write(s.known.account.AccountRow, func(conn *sqlite.Conn) error {
		for i, w := range all {
			if grown[i] != nil {
				if err := put(conn, insertMailbox, grown[i].list); err != nil {
					return err
				}
			}
			if err := (change{conn, next.gens[w.Gen]}).apply(w.Commit); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	maps.Copy(s.known.gens, next.gens)
	maps.Copy(s.known.boxes, next.boxes)
	return nil
}

// prepare copies what a commit will change from what is known, and returns the mailbox where its keywords grow.
func (m *memory) prepare(known *memory, c *state.Commit) (grown *mailbox, err error) {
	if known.gens[c.Gen] == nil {
		return nil, errNoGeneration(c.Gen)
	}
	if err := c.Check(); err != nil {
		return nil, err
	}
	if m.gens[c.Gen] == nil {
		g := *known.gens[c.Gen]
		m.gens[c.Gen] = &g
	}
	var box mailbox
	id := m.gens[c.Gen].box
	if last := cmp.Or(m.boxes[id], known.boxes[id]); last != nil {
		box = *last
	}
	before := len(box.Keywords)
	if box.Keywords, err = state.GrowKeywords(box.Keywords, c.Keywords); err != nil || len(box.Keywords) == before {
		return nil, err
	}
	m.boxes[id] = &box
	return &box, nil
}
