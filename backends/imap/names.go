package imap

import (
	"sync"

	"mailsync/state"
)

// names is what is known, for all sessions of an account, of how the server names its mailboxes.
// It is safe for concurrent use.
type names struct {
	mu       sync.Mutex
	personal []namespace // nil until asked
	roots    []namespace // of all namespaces
	other    string      // raw name of a mailbox that is not INBOX, "" until one was listed
}

// namespaces returns the personal namespaces and the roots of all, nil where they were not asked for yet.
func (n *names) namespaces() (personal, roots []namespace) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.personal, n.roots
}

// learn takes what the server told first, and returns the personal namespaces that hold from then on.
func (n *names) learn(personal, roots []namespace) []namespace {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.personal == nil {
		n.personal, n.roots = append([]namespace{}, personal...), roots
	}
	return n.personal
}

// remember remembers a mailbox that is not INBOX and can be opened.
func (n *names) remember(listed []state.Listed) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range listed {
		if !m.NoSelect && m.Err == nil && !state.SameName(m.Raw, "INBOX") {
			n.other = m.Raw
			return
		}
	}
}

// otherThan returns a mailbox that is not the one of this name, "" where none is known.
func (n *names) otherThan(raw string) string {
	if !state.SameName(raw, "INBOX") {
		return "INBOX"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.other
}
