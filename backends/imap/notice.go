package imap

import (
	"slices"
	"sync"
)

// maxNotices is how many texts of one server the user is shown in one run.
const maxNotices = 10

// notices are what the user was shown.
type notices struct {
	mu   sync.Mutex
	told []string
}

// notice shows the user a text of the server's, once.
func (a *Account) notice(text string) {
	n := &a.noticed
	n.mu.Lock()
	defer n.mu.Unlock()
	if text == "" || len(n.told) >= maxNotices || slices.Contains(n.told, text) {
		return
	}
	n.told = append(n.told, text)
	a.o.Notice(text)
}
