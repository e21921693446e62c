package match

import (
	"mailsync/state"
)

// Some servers have mailboxes that show what others hold: all mail, what is flagged (RFC 6154), made
// by a search. Where the server has no words for copies (EMAILID, X-GM-MSGID), what such a view
// shows is taken for a copy of what has its size, date and Message-ID in another mailbox. Which of several
// that is nobody can tell. So they are judged together, and where bytes are at stake, bytes decide.

// Shown groups the messages on the server that views show with those elsewhere that have their size and date.
// views says of each mailbox whether it is one. It is a pure function.
func Shown(mailboxes [][]state.Record, views []bool) []map[int][]state.UID {
	groups := map[Content]map[int][]state.UID{}
	known := func(rec state.Record) bool {
		return rec.Status.OnServer() && rec.Size >= 0 && rec.Date != state.NoDate
	}
	for i, records := range mailboxes {
		for _, rec := range records {
			if views[i] && known(rec) {
				groups[ContentOf(rec)] = map[int][]state.UID{}
			}
		}
	}
	for i, records := range mailboxes {
		for _, rec := range records {
			if g := groups[ContentOf(rec)]; g != nil && known(rec) {
				g[i] = append(g[i], rec.UID)
			}
		}
	}
	var shown []map[int][]state.UID
	for _, g := range groups {
		if len(g) > 1 {
			shown = append(shown, g)
		}
	}
	return shown
}
