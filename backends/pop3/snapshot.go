package pop3

import (
	"cmp"
	"slices"

	"mailsync/state"
)

// snapshot is the session's listing in the engine's words.
func (s *session) snapshot(l *listing) *state.ServerSnapshot {
	sn := &state.ServerSnapshot{
		Mark: s.mark(), All: true, Complete: l.complete(), ReadOnly: true,
		Messages: make([]state.OnServer, 0, len(l.messages)),
		Trouble:  l.trouble,
		UIDLs:    s.a.o.Numbers.Given,
	}
	for _, m := range l.messages {
		if m.uid != 0 {
			sn.Messages = append(sn.Messages, m.onServer())
			if m.text == "" {
				sn.Nameless = append(sn.Nameless, m.uid)
			}
		}
	}
	slices.Sort(sn.Nameless)
	slices.SortFunc(sn.Messages, func(a, b state.OnServer) int { return cmp.Compare(a.UID, b.UID) })
	return sn
}

// onServer is a message as the engine sees it. POP3 tells no date.
func (m *message) onServer() state.OnServer {
	return state.OnServer{UID: m.uid, Size: m.size, Date: state.NoDate}
}
