package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"mailsync/backends/pop3"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
	"mailsync/state/store"
)

// address looks the host up, where that is not up to somebody else.
func (c *checking) address(ctx context.Context) bool {
	switch {
	case c.a.Proxy != nil:
		c.ok("address", "looked up by the proxy %s", c.a.Proxy.Addr)
		return true
	case len(c.a.TunnelCommand) > 0:
		c.ok("address", "up to tunnel_command")
		return true
	}
	limited, cancel := context.WithTimeout(ctx, c.a.Timeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupHost(limited, c.a.Host)
	switch {
	case ctx.Err() != nil:
		return c.fail("address", context.Cause(ctx))
	case err != nil:
		hint := "the name server did not answer; is this machine online?"
		if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
			hint = "no such host; check its spelling"
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

// server connects, once to check the connection itself, and then as a sync does.
func (c *checking) server(ctx context.Context) {
	c.recall()
	s, err := c.connect(reach{readOnly: true, sizes: true})
	if err != nil {
		c.fail("server", err)
		return
	}
	p, err := s.Probe(ctx)
	if p.Address == "" {
		c.fail("connect", err)
		return
	}
	c.ok("connect", "%s", p.Address)
	if !c.tls(p, err) {
		return
	}
	if err != nil {
		c.fail("log-in", err)
		return
	}
	c.ok("log-in", "as %s", c.a.User)
	var seen *pop3.Sight // nil for IMAP, and where the mailbox cannot be read, which mailboxes reports
	pop, isPOP3 := s.(*pop3.Account)
	if isPOP3 {
		if sight, err := pop.See(ctx); err == nil {
			seen = &sight
		}
	}
	listing := c.mailboxes(ctx, s)
	c.abilities(p.Capabilities, seen, listing)
	if isPOP3 {
		for _, h := range pop.Habits() {
			c.warn("habits", h.Hint(), "%s", h)
		}
	}
	c.deletions(seen)
	c.quota(ctx, s)
}

// recall takes what the state knows of a POP3 account; one that cannot be read is reported elsewhere.
func (c *checking) recall() {
	base, err := store.OpenReadOnly(c.stateDir())
	if err != nil {
		return
	}
	defer base.Close()
	_ = c.recallPOP3(base, opening{later: true})
	c.numbers = nil // nothing is fetched
}

// deletions warns of what "delete" of a POP3 account asks for and the server does not do, as far as
// this session and the last run show it.
func (c *checking) deletions(seen *pop3.Sight) {
	if seen == nil || !popDeletes(c.a) {
		return
	}
	if seen.Nameless > 0 {
		c.warn("delete", "a later session cannot identify them; use IMAP, or delete them on the server yourself",
			"%d of %s have no unique-id of their own and are never deleted on the server", seen.Nameless, report.Plural(seen.Messages, "message"))
	}
	if last, err := c.lastRun(); err == nil {
		if s := summaryOf(last); s != nil && s.Undeletable > 0 {
			c.warn("delete", `"mailsync status" has more; many providers have a web page to set what POP3 may delete`, "the last run could not delete %s", report.Plural(s.Undeletable, "message"))
		}
	}
}

// mailboxes lists them as a sync does, and compares what is outstanding with the free disk. The
// listing is nil where it failed.
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
		c.warn("mailboxes", "rename it on the server, without blanks, quotes and backslashes", "a name that cannot be read: %s", name)
	}
	if c.result.Mailboxes == 0 {
		c.warn("mailboxes", `"mailsync list" shows them and what excludes them`, "none of %d is included", all)
		return listing
	}
	detail := fmt.Sprintf("%d of %d are included, %s", c.result.Mailboxes, all, report.Plural(c.result.OnServer, "message"))
	if sized {
		detail += ", " + report.Size(bytes)
		if more := bytes - c.here(ctx); c.free > 0 && more > c.free {
			c.warn("disk", "free some space, or skip large messages with max_size", "%s are outstanding, and %s are free", report.Size(more), report.Size(c.free))
		}
	}
	c.ok("mailboxes", "%s", detail)
	if text, hint := c.shownTwice(listing); text != "" {
		c.warn("mailboxes", hint, "%s", text)
	}
	return listing
}

// here is how many bytes of mail are here already; 0 where the state cannot be read.
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
		c.warn("quota", state.HintOf(err), "%s", message(err))
		return
	}
	if len(quotas) == 0 {
		c.ok("quota", "the server reports none")
	}
	for _, q := range quotas {
		room := report.Room{Used: q.Used, Limit: q.Limit}
		if room.Percent() >= fullQuota {
			hint := "the server will soon refuse new mail"
			if q.Used >= q.Limit {
				hint = "the server refuses new mail until there is room"
			}
			c.warn("quota", hint, "%s", room)
			continue
		}
		c.ok("quota", "%s", room)
	}
}

// wanted are the capabilities that make a difference, and what is lost without them.
var wanted = []struct{ protocol, name, without string }{
	{"imap", "LIST-STATUS", "to see that nothing changed takes a command for each mailbox"},
	{"imap", "CONDSTORE", "changed flags are found by reading all of them"},
	{"imap", "UIDPLUS", "a single message cannot be deleted permanently; it is moved to the trash if the server can move"},
	{"imap", "SPECIAL-USE", "role:NAME in include and exclude matches nothing"},
	{"pop3", "UIDL", "messages can be identified only by fetching them"},
}

// abilities reports what the server can do: what it announces, and what it has shown.
func (c *checking) abilities(caps []string, seen *pop3.Sight, listing *state.Listing) {
	has := map[string]bool{}
	for _, name := range caps {
		word, _, _ := strings.Cut(strings.ToUpper(name), " ")
		has[word] = true
	}
	if seen != nil {
		has["UIDL"], has["TOP"] = seen.UIDL, seen.TOP
	}
	// Some servers send roles with every LIST and do not announce it. The other capabilities are
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

// soon is the time before its end in which a certificate is worth a warning.
const soon = 14 * 24 * time.Hour

// tls reports how safe the connection is, and its certificates. It returns false where the
// connection failed before the greeting.
func (c *checking) tls(p state.Probe, err error) bool {
	var certs []*x509.Certificate
	if p.TLS != nil {
		certs = p.TLS.PeerCertificates
	}
	if unverified, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		certs = unverified.UnverifiedCertificates
	}
	switch {
	case p.TLS == nil && c.a.TLS == "none" && !p.Greeted:
		return c.fail("greeting", err)
	case p.TLS == nil && c.a.TLS == "none":
		c.ok("TLS", "plain text, as configured")
		return true
	case p.TLS == nil:
		c.fail("TLS", err)
	case !p.Greeted:
		c.fail("greeting", err)
	default:
		c.ok("TLS", "%s, %s", tls.VersionName(p.TLS.Version), tls.CipherSuiteName(p.TLS.CipherSuite))
	}
	for _, cert := range certs {
		c.certificate(cert)
	}
	return p.Greeted
}

// certificate reports its owner, how long it is valid, and its key as a pin.
func (c *checking) certificate(cert *x509.Certificate) {
	who := cmp.Or(slices.Concat([]string{cert.Subject.CommonName}, cert.DNSNames, []string{cert.Subject.String()})...)
	detail := fmt.Sprintf("%s, by %s, until %s", who, cert.Issuer.CommonName, cert.NotAfter.Format(time.DateOnly))
	switch left := time.Until(cert.NotAfter); {
	case left < 0:
		c.warn("certificate", "ask the server's operator, and check this machine's clock", "%s, expired", detail)
	case left < soon:
		c.warn("certificate", "ask the server's operator to renew it", "%s, %s left", detail, report.Seconds(left))
	default:
		c.ok("certificate", "%s", detail)
	}
	key := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	c.ok("its key", "sha256/%s", base64.StdEncoding.EncodeToString(key[:]))
}
