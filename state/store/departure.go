package store

import (
	"context"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// Departures returns what archive runs took, or were taking, off the server, sorted by UID.
func (s *Store) Departures(_ context.Context, gen state.GenID) ([]state.Departure, error) {
	return ask(s, gen, "the departures", s.departures)
}

func (s *Store) departures(g *generation) ([]state.Departure, error) {
	gen, total := g.row.ID, int64(0)
	var all []state.Departure
	err := s.each("SELECT uid, run, root, path, sum FROM departure WHERE gen = ? ORDER BY uid", []int64{int64(gen)}, func(stmt *sqlite.Stmt) error {
		d := state.Departure{UID: state.UID(stmt.ColumnInt64(0)), Run: stmt.ColumnInt64(1), Root: stmt.ColumnText(2), Path: stmt.ColumnText(3)}
		sum := sumDeparture(gen, &d)
		if sum != stmt.ColumnInt64(4) {
			return damage("the departure of UID %d does not match its sum", d.UID)
		}
		total += sum
		all = append(all, d)
		return nil
	})
	return all, matched(err, total == g.departs, "the departures", gen)
}

const departureRow = "FROM departure WHERE gen = ? AND uid = ?"

func (s *Store) applyDepartures(g *generation, c *state.Commit) error {
	for _, uid := range c.Stay {
		if err := s.drop(departureRow, rowKey{g.row.ID, uid, ""}, &g.departs); err != nil {
			return err
		}
	}
	for i := range c.Leave {
		d := &c.Leave[i]
		key := rowKey{g.row.ID, d.UID, ""}
		if err := s.drop(departureRow, key, &g.departs); err != nil {
			return err
		}
		sum := sumDeparture(g.row.ID, d)
		g.departs += sum
		err := s.run("INSERT INTO departure (gen, uid, run, root, path, sum) VALUES (?, ?, ?, ?, ?, ?)", func(stmt *sqlite.Stmt) {
			key.bind(stmt)
			stmt.BindInt64(3, d.Run)
			stmt.BindText(4, d.Root)
			stmt.BindText(5, d.Path)
			stmt.BindInt64(6, sum)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
