// Package seeded is an IMAP server that costs as little as can be: it makes its messages from their
// UIDs when it is asked for them, answers at once, and knows any user. So there can be a
// million messages or ten thousand accounts, and what is measured is the client.
package seeded

import (
	"bufio"
	"net"
	"slices"
	"sync"
)

// Server has the same mail for every user, in an INBOX. What is expunged is gone for all.
type Server struct {
	Addr string
	Mail Mail

	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	live    []uint32          // UIDs that are there, ascending
	deleted map[uint32]uint64 // MODSEQ of those with \Deleted
	changes uint64            // since the start
	conns   map[net.Conn]bool
	count   Count
}

// Count is what was asked of a server.
type Count struct {
	LogIns, Connections int
	AtOnce              int // the most connections that were open
}

// Start listens on loopback.
func Start(mail Mail) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: l.Addr().String(), Mail: mail, listener: l, deleted: map[uint32]uint64{}, conns: map[net.Conn]bool{}}
	for uid := range mail.Last() {
		s.live = append(s.live, uid+1)
	}
	s.running.Go(s.accept)
	return s, nil
}

// Close cuts every connection.
func (s *Server) Close() error {
	err := s.listener.Close()
	s.mu.Lock()
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return err
}

// Count returns what was asked of it since the last call.
func (s *Server) Count() Count {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.count
	s.count = Count{AtOnce: len(s.conns)}
	return c
}

// Left is how many messages are there.
func (s *Server) Left() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.count.Connections++
		s.count.AtOnce = max(s.count.AtOnce, len(s.conns))
		s.mu.Unlock()
		s.running.Go(func() {
			c := &session{Server: s, in: bufio.NewReaderSize(conn, 8<<10), out: bufio.NewWriterSize(conn, 64<<10)}
			c.serve()
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// modseq is the mailbox's, that of the last change.
func (s *Server) modseq() uint64 { return uint64(s.Mail.Last()) + 1 + s.changes }

// modseqOf is a message's: its UID until it is changed.
func (s *Server) modseqOf(uid uint32) (modseq uint64, deleted bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := s.deleted[uid]; n > 0 {
		return n, true
	}
	return uint64(uid), false
}

// uids are those that are there and that a set names.
func (s *Server) uids(set string) []uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []uint32
	for lo, hi := range ranges(set) {
		from, _ := slices.BinarySearch(s.live, lo)
		for _, uid := range s.live[from:] {
			if uid > hi {
				break
			}
			all = append(all, uid)
		}
	}
	return all
}

// expunge removes those of the messages that have \Deleted, and returns the sequence
// numbers to tell, in their order.
func (s *Server) expunge(uids []uint32) (numbers []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.live[:0:0]
	for i, uid := range s.live {
		if _, asked := slices.BinarySearch(uids, uid); asked && s.deleted[uid] > 0 {
			numbers = append(numbers, i+1-len(numbers))
			delete(s.deleted, uid)
			s.changes++
			continue
		}
		kept = append(kept, uid)
	}
	s.live = kept
	return numbers
}

// mark gives messages \Deleted.
func (s *Server) mark(uids []uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	for _, uid := range uids {
		s.deleted[uid] = s.modseq()
	}
}
