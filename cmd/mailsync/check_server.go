package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"mailsync/backends/pop3"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
)

// address looks the host up.
func (c *checking) address(ctx context.Context) bool {
	limited, cancel := context.WithTimeout(ctx, c.a.Timeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(limited, c.a.Host)
	switch {
	case ctx.Err() != nil:
		return c.fail("address", context.Cause(ctx))
	case err != nil:
		hint := "the name server did not answer: is this machine online?"
		if dns := (*net.DNSError)(nil); errors.As(err, &dns) && dns.IsNotFound {
			hint = "no such host: check its spelling"
		}
		return c.fail("address", state.Faultf(state.Unreachable, "%w", err).WithHint("%s", hint))
	}
	more := ""
	if len(found) > 4 {
		found, more = found[:4], " and more"
	}
	c.ok("address", "%s%s", strings.Join(found, ", "), more)
	return true
}

// server connects, once to look at the connection itself, and then as a sync does.
func (c *checking) server(ctx context.Context) {
	c.recall()
	s, err := c.connect(reach{readOnly: true, sizes: true})
	if err != nil {
		c.fail("server", err)
		return
	}
	p, err := s.Probe(ctx)
	switch {
	case p.Address == "":
		c.fail("connect", err)
		return
	default:
		c.ok("connect", "%s", p.Address)
	}
	if !c.tls(p, err) {
		return
	}
	if err != nil {
		c.fail("log-in", err)
		return
	}
	c.ok("log-in", "as %s", c.a.User)
	seen := c.see(ctx, s)
	listing := c.mailboxes(ctx, s)
	c.abilities(p.Capabilities, seen, listing)
	c.habits(s)
	c.deletions(seen)
	c.quota(ctx, s)
}

// recall takes what the state knows of a POP3 account; one that cannot be read is told elsewhere.
func (c *checking) recall() {
	base, err := store.OpenReadOnly(c.stateDir())
	if err != nil {
		return
	}
	defer base.Close()
	_ = c.recallPOP3(base, false)
	c.numbers = nil // it is only looked at
}

// see asks a POP3 server for what it may do without announcing it; nil for IMAP, and where the mailbox
// cannot be looked at, which is told with the mailboxes.
func (c *checking) see(ctx context.Context, s server) *pop3.Sight {
	p, ok := s.(*pop3.Account)
	if !ok {
		return nil
	}
	seen, err := p.See(ctx)
	if err != nil {
		return nil
	}
	return &seen
}

// deletions tells what "delete" of a POP3 account asks for and the server does not do, as far as it
// shows: by this session, and by the last run.
func (c *checking) deletions(seen *pop3.Sight) {
	if seen == nil || !popDeletes(c.a) {
		return
	}
	if seen.Nameless > 0 {
		c.warn("delete", "nothing tells them from others in a later session; use IMAP, or delete them on the server yourself",
			"%d of %s have no unique-id of their own and are never deleted on the server", seen.Nameless, report.Plural(seen.Messages, "message"))
	}
	if last, known, err := store.ReadLastRun(c.stateDir()); err == nil && known {
		if s := summaryOf(last); s != nil && s.Undeletable > 0 {
			c.warn("delete", `"mailsync status" has more; what POP3 does to messages is set in many providers' web pages`, "the last run could not delete %s", report.Plural(s.Undeletable, "message"))
		}
	}
}

// habits tells what POP3 servers are known to do otherwise than others.
func (c *checking) habits(s server) {
	if p, ok := s.(*pop3.Account); ok {
		for _, h := range p.Habits() {
			c.warn("habits", h.Hint(), "%s", h)
		}
	}
}

// mailboxes lists them as a sync does, and holds what is to come against the free disk.
// The listing is nil where there is none.
func (c *checking) mailboxes(ctx context.Context, s server) *state.Listing {
	include := func(l state.Listed) bool { return !l.NoSelect && c.a.Mailboxes.Match(l.Levels, l.Role) }
	listing, err := s.List(ctx, include)
	if err != nil {
		c.fail("mailboxes", err)
		return nil
	}
	all, bytes, sized := 0, int64(0), true
	for _, l := range listing.Mailboxes {
		if l.NoSelect {
			continue
		}
		all++
		if include(l) {
			c.result.Mailboxes++
			c.result.OnServer += int(l.Mark.Exists)
			bytes += max(0, l.Size)
			sized = sized && l.Size >= 0
			if l.Err != nil {
				c.fail("mailboxes", fmt.Errorf("%s: %w", strings.Join(l.Levels, "/"), l.Err))
			}
		}
	}
	for _, name := range listing.Broken {
		c.warn("mailboxes", "rename it on the server, without blanks, quotes and backslashes in it", "a name that cannot be read: %s", name)
	}
	if c.result.Mailboxes == 0 {
		c.warn("mailboxes", `"mailsync list" shows them and what leaves them out`, "none of %d is included", all)
		return listing
	}
	detail := fmt.Sprintf("%d of %d are included, %s", c.result.Mailboxes, all, report.Plural(c.result.OnServer, "message"))
	if sized {
		detail += ", " + report.Size(bytes)
		if more := bytes - c.here(ctx); c.free > 0 && more > c.free {
			c.warn("disk", "free some space, or leave large messages out with max_size", "%s are still to come, and %s are free", report.Size(more), report.Size(c.free))
		}
	}
	c.ok("mailboxes", "%s", detail)
	if names, exclude := shownTwice(c.accountRun, listing); len(names) > 0 {
		c.warn("mailboxes", shownHint(exclude), "%s", shownText(names))
	}
	return listing
}

// here is how many bytes of mail are here already; 0 where that cannot be read.
func (c *checking) here(ctx context.Context) (bytes int64) {
	rows, _ := c.recorded(ctx)
	for _, row := range rows {
		if g := row.Current(); g != nil {
			bytes += g.Tally.HereBytes
		}
	}
	return bytes
}

// fullQuota is the share from which on a quota is worth a warning, in percent.
const fullQuota = 90

func (c *checking) quota(ctx context.Context, s server) {
	quotas, err := s.Quota(ctx, "INBOX")
	if err != nil {
		c.warn("quota", state.HintOf(err), "%v", err)
		return
	}
	if len(quotas) == 0 {
		c.ok("quota", "the server tells none")
	}
	for _, q := range quotas {
		if q.Limit > 0 && float64(q.Used)/float64(q.Limit)*100 >= fullQuota {
			c.warn("quota", "the server will soon take no more mail", "%s", quotaText(q))
			continue
		}
		c.ok("quota", "%s", quotaText(q))
	}
}

// wanted are the capabilities that make a difference, and what is missed without them.
var wanted = []struct{ protocol, name, without string }{
	{"imap", "LIST-STATUS", "finding out that nothing changed takes a command for each mailbox"},
	{"imap", "CONDSTORE", "changed flags are found by reading all of them"},
	{"imap", "UIDPLUS", "a single message cannot be deleted for good; it is moved to the trash where the server can move"},
	{"imap", "SPECIAL-USE", "role:NAME in include and exclude matches nothing"},
	{"pop3", "UIDL", "messages cannot be told apart but by fetching them"},
}

// abilities tells what the server can do: what it announces, and what it has shown.
func (c *checking) abilities(caps []string, seen *pop3.Sight, listing *state.Listing) {
	has := map[string]bool{}
	for _, name := range caps {
		word, _, _ := strings.Cut(strings.ToUpper(name), " ")
		has[word] = true
	}
	if seen != nil {
		has["UIDL"], has["TOP"] = seen.UIDL, seen.TOP
	}
	// Some servers tell roles with every LIST and do not announce it. The other capabilities are
	// used only where they are announced.
	if listing != nil && slices.ContainsFunc(listing.Mailboxes, func(l state.Listed) bool { return l.Role != "" }) {
		has["SPECIAL-USE"] = true
	}
	var there, missing []string
	for _, w := range wanted {
		switch {
		case w.protocol != c.a.Protocol:
		case has[w.name]:
			there = append(there, w.name)
		default:
			missing = append(missing, "no "+w.name+": "+w.without)
		}
	}
	for _, name := range []string{"QRESYNC", "MOVE", "COMPRESS=DEFLATE", "OBJECTID", "QUOTA", "PIPELINING", "TOP"} {
		if has[name] {
			there = append(there, name)
		}
	}
	c.ok("abilities", "%s", strings.Join(there, " "))
	for _, m := range missing {
		c.warn("abilities", "", "%s", m)
	}
}
