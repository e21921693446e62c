package store

import (
	"slices"
	"strings"

	"zombiezen.com/go/sqlite"

	"mailsync/state"
)

// What a row of each table holds, in the order of its columns. The records have a form of
// their own (records.go).

// account is the one row of its table.
type account struct {
	state.AccountRow
	serial int64 // commits so far
}

func (a *account) list(c *columns) {
	id := int64(1)
	number(c, &id)
	c.text(&a.ID)
	c.text(&a.Host)
	c.text(&a.User)
	number(c, &a.Ino)
	number(c, &a.Born)
	c.truth(&a.EstimatedSizes)
	c.text(&a.Policy)
	number(c, &a.serial)
}

// mailbox is a row of that table: a mailbox without its generations.
type mailbox struct{ state.MailboxRow }

func (m *mailbox) list(c *columns) {
	number(c, &m.ID)
	c.text(&m.Raw)
	c.text(&m.Path)
	c.text(&m.Sep)
	c.text(&m.Role)
	c.text(&m.Use)
	c.text(&m.MailboxID)
	words := joined(m.Keywords)
	c.text(&words)
	if !c.binding {
		m.Keywords = slices.Collect(strings.SplitSeq(strings.TrimSuffix(words, "\n"), "\n"))
		if words == "" {
			m.Keywords = nil
		}
	}
}

// joined is each of some words in a line of its own. None has an end of line (state.GrowKeywords).
func joined(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return strings.Join(words, "\n") + "\n"
}

// generation is a row of that table, as it was last committed.
type generation struct {
	box     int64
	row     state.Generation
	records int64
	sum     uint64 // of the records
	// The sums of their rows' sums.
	proofs, uidls, intents, departures int64
}

func (g *generation) list(c *columns) {
	r := &g.row
	number(c, &r.ID)
	number(c, &g.box)
	c.text(&r.Token)
	c.truth(&r.Current)
	number(c, &r.Mark.UIDValidity)
	number(c, &r.Mark.UIDNext)
	number(c, &r.Mark.ModSeq)
	number(c, &r.Mark.Exists)
	number(c, &r.Disk.CurIno)
	number(c, &r.Disk.NewIno)
	number(c, &r.Disk.CurBtime)
	number(c, &r.Disk.CurCtime)
	number(c, &r.Disk.NewCtime)
	number(c, &r.Disk.KeywordsCtime)
	number(c, &r.Disk.MarkerCtime)
	c.truth(&r.Disk.Trusted)
	c.truth(&r.Clean)
	number(c, &r.Unsettable)
	number(c, &r.Denied)
	number(c, &r.Held.OnServer)
	number(c, &r.Held.OnDisk)
	number(c, &r.Compared)
	number(c, &g.records)
	g.listTally(c)
	number(c, &g.sum)
	number(c, &g.proofs)
	number(c, &g.uidls)
	number(c, &g.intents)
	number(c, &g.departures)
}

func (g *generation) listTally(c *columns) {
	t := &g.row.Tally
	number(c, &t.OnServer)
	number(c, &t.Here)
	number(c, &t.HereBytes)
	number(c, &t.Outstanding)
	number(c, &t.KeptAway)
	number(c, &t.Skipped)
	number(c, &t.OnlyHere)
	number(c, &t.Doubtful)
	number(c, &t.Estimated)
	number(c, &t.Misfits)
}

var (
	insertAccount    = insert("INSERT OR REPLACE", "account", 10)
	insertMailbox    = insert("INSERT OR REPLACE", "mailbox", 9)
	insertGeneration = insert("INSERT OR REPLACE", "generation", 39)
)

// put writes the row that list lists.
func put(conn *sqlite.Conn, query string, list func(*columns)) error {
	return run(conn, query, func(stmt *sqlite.Stmt) { bindRow(stmt, list) })
}

var (
	proofs = newOwned("proof", "proof", "uid", 8, func(g *generation) *int64 { return &g.proofs }, func(p *state.Proof, c *columns) {
		number(c, &p.UID)
		c.bytes(p.Digest[:])
		number(c, &p.Bytes)
		c.truth(&p.ByServer)
		c.text(&p.EmailID)
		number(c, &p.Fetched)
	})
	uidls = newOwned("UIDL", "uidl", "uid", 4, func(g *generation) *int64 { return &g.uidls }, func(u *state.UIDL, c *columns) {
		number(c, &u.UID)
		c.text(&u.UIDL)
	})
	intents = newOwned("intent", "intent", "name, kind", 11, func(g *generation) *int64 { return &g.intents }, func(i *state.Intent, c *columns) {
		c.text(&i.Key.Name)
		number(c, &i.Key.Kind)
		number(c, &i.UIDNext)
		number(c, &i.UID)
		number(c, &i.Bytes)
		c.bytes(i.Digest[:])
		number(c, &i.Flags)
		number(c, &i.Agreed)
		c.truth(&i.Confirmed)
	})
	departures = newOwned("departure", "departure", "uid", 6, func(g *generation) *int64 { return &g.departures }, func(d *state.Departure, c *columns) {
		number(c, &d.UID)
		number(c, &d.Run)
		c.text(&d.Root)
		c.text(&d.Path)
	})
)
