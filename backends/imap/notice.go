package imap

import (
	"slices"
	"strings"
	"sync"

	"mailsync/backends/reach"
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

// heed picks from the status responses what the user has to see: alerts (RFC 9051 section 7.1),
// and what a server complains of while the log-in goes on. The answer to a command is told as
// that command's failure. s.mu is held.
func (s *session) heed(kind, code, text string, tagged bool) {
	r := &refusal{typ: kind, code: strings.ToUpper(code), text: reach.Quoted(text)}
	refuses := kind == "NO" || kind == "BAD"
	if refuses && !tagged && !s.entered {
		s.complaint = r
	}
	switch {
	case r.hasCode("ALERT") && !s.entered, refuses && !tagged && !s.entered:
		if len(s.notices) < maxNotices {
			s.notices = append(s.notices, r.text)
		}
	case r.hasCode("ALERT") && !(refuses && tagged):
		s.a.notice(r.text)
	}
}

// passOn shows the user what was said until the log-in ended, but for what its error says anyway.
func (s *session) passOn(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entered = true
	for _, text := range s.notices {
		if err == nil || !strings.Contains(err.Error(), text) {
			s.a.notice(text)
		}
	}
	s.notices = nil
}
