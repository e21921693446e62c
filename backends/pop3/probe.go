package pop3

import (
	"context"
	"strings"

	"mailsync/state"
)

// Probe logs in once and returns how far that got, also beside an error; a server that
// is busy is not waited for. The session is the one that the next method uses.
func (a *Account) Probe(ctx context.Context) (state.Probe, error) {
	var p state.Probe
	if err := a.enter(ctx); err != nil {
		return p, err
	}
	defer a.leave()
	s, err := a.connect(ctx, &p)
	if err != nil {
		return p, fault(err)
	}
	a.setSession(s)
	return p, nil
}

// Sight is what a server shows when it is asked, whatever it announces.
type Sight struct {
	UIDL, TOP bool // it answers them; TOP is asked for only where it is not announced and a message is there
	Messages  int
	Nameless  int // messages without a unique-id of their own, which are never deleted
}

// See looks at the mailbox and asks for what no capability shows: servers that are older than CAPA have
// UIDL and TOP as well.
func (a *Account) See(ctx context.Context) (seen Sight, err error) {
	err = a.do(ctx, 1, func(s *session) error {
		if err := s.look(); err != nil {
			return err
		}
		seen = Sight{UIDL: s.list.hasUIDL, TOP: s.c.caps.has("TOP"), Messages: s.list.count()}
		for _, m := range s.list.messages {
			if m.text == "" {
				seen.Nameless++
			}
		}
		if seen.TOP || s.a.avoided["TOP"] || len(s.list.messages) == 0 {
			return nil
		}
		err := s.c.ask(question{about("TOP", s.list.messages[0].no) + " 0", func(_ string, err error) error {
			if seen.TOP = err == nil; err != nil {
				return nil
			}
			_, err = s.c.sum()
			return err
		}})
		if err != nil {
			s.a.avoided["TOP"] = true
		}
		return err
	})
	return seen, err
}

// Habit is a way in which a server departs from RFC 1939 that the user has to know of.
type Habit string

// The habits that are known.
const (
	// HidesFetched: a message that any program fetched is not listed in later sessions.
	HidesFetched Habit = "the server hides messages from POP3 once any program has fetched them"
	// IgnoresDelete: DELE and QUIT are answered with +OK, and the message stays.
	IgnoresDelete Habit = "the server does not delete what it is told to"
)

// Hint is what the user can do about it.
func (h Habit) Hint() string {
	if h == HidesFetched {
		return `with Gmail, write "recent:" before the user's address to see the last 30 days whatever was fetched, or use IMAP`
	}
	return "what POP3 does to messages is set in the provider's web pages (Gmail: Forwarding and POP/IMAP); or use IMAP"
}

// Habits returns what is known of the habits of a server by its name: Gmail's. What any
// other does shows in a later run: it lists again what it had confirmed to be deleted.
func (a *Account) Habits() []Habit {
	host := strings.ToLower(strings.TrimSuffix(a.o.Host, "."))
	if !strings.HasSuffix(host, ".gmail.com") && !strings.HasSuffix(host, ".googlemail.com") {
		return nil
	}
	if strings.HasPrefix(a.o.User, "recent:") {
		return []Habit{IgnoresDelete}
	}
	return []Habit{HidesFetched, IgnoresDelete}
}
