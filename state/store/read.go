package store

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// Account returns the account's row, the zero one before the first SetAccount.
func (s *Store) Account(context.Context) (state.AccountRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known.account.AccountRow, nil
}

// Mailboxes returns every mailbox with its generations in the order they began, sorted
// by path. It reads no file: Open did.
func (s *Store) Mailboxes(context.Context) ([]state.MailboxRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known.mailboxes(), nil
}

// ask runs a query on a generation that is there. Damage that shows here breaks the
// seal, so that the next Open looks for it.
func ask[T any](s *Store, gen state.GenID, what string, query func(*sqlite.Conn, *generation) (T, error)) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none T
	g := s.known.gens[gen]
	if g == nil {
		return none, errNoGeneration(gen)
	}
	if s.file.conn == nil {
		return none, state.Faultf(state.Storage, "read %s of generation %d: the store is closed", what, gen)
	}
	got, err := query(s.file.conn, g)
	if err != nil {
		return none, s.broken(sqlFault(fmt.Sprintf("read %s of generation %d", what, gen), err))
	}
	return got, nil
}

// Records returns a generation's records sorted by UID.
func (s *Store) Records(_ context.Context, gen state.GenID) ([]state.Record, error) {
	return ask(s, gen, "the records", readRecords)
}

// Proofs returns the proofs of those UIDs that have one; nil asks for all.
func (s *Store) Proofs(_ context.Context, gen state.GenID, uids []state.UID) (map[state.UID]state.Proof, error) {
	return ask(s, gen, "the proofs", func(conn *sqlite.Conn, g *generation) (map[state.UID]state.Proof, error) {
		found := make(map[state.UID]state.Proof, len(uids))
		if uids == nil {
			all, err := proofs.read(conn, g)
			for _, p := range all {
				found[p.UID] = p
			}
			return found, err
		}
		for _, uid := range uids {
			p, there, err := proofs.one(conn, g, uid)
			if err != nil {
				return nil, err
			}
			if there {
				found[uid] = p
			}
		}
		return found, nil
	})
}

// UIDLs returns a generation's POP3 unique-ids, sorted by UID.
func (s *Store) UIDLs(_ context.Context, gen state.GenID) ([]state.UIDL, error) {
	return ask(s, gen, "the UIDLs", uidls.read)
}

// Intents returns a generation's open intents, sorted by key.
func (s *Store) Intents(_ context.Context, gen state.GenID) ([]state.Intent, error) {
	return ask(s, gen, "the intents", intents.read)
}

// Departures returns what archive runs took, or were taking, off the server, sorted by UID.
func (s *Store) Departures(_ context.Context, gen state.GenID) ([]state.Departure, error) {
	return ask(s, gen, "the departures", departures.read)
}

// errNoGeneration says that a caller asked for a generation which is not there.
func errNoGeneration(gen state.GenID) error { return fmt.Errorf("there is no generation %d", gen) }
