package servers

import "strings"

// Option changes how a server is set up. An option that a server has no equal for is
// said at the option.
type Option func(*options)

type options struct {
	quotaBytes    int64
	quotaMessages int
	sessions      int
	hidden        []string
	exchange      bool
	inboxPrefix   bool
	config        string
	introspection string // URL
	users         string
	mechanisms    string
}

// Quota limits each user's mail, in octets (whole KiB) and messages. Without it there
// is as good as no limit. Courier counts it over the Maildir of AddUser.
func Quota(octets int64, messages int) Option {
	return func(o *options) { o.quotaBytes, o.quotaMessages = octets, messages }
}

// MaxSessions limits the connections of one user (Courier: of one address; it closes
// those beyond without a greeting).
func MaxSessions(n int) Option { return func(o *options) { o.sessions = n } }

// Hide takes capabilities off the announced list. Most of them still work when they are
// used, so a test must look at what was sent.
func Hide(capabilities ...string) Option {
	return func(o *options) { o.hidden = append(o.hidden, capabilities...) }
}

// ExchangeLike announces what Exchange does: UIDPLUS and MOVE, but no CONDSTORE, no
// LIST-STATUS, no COMPRESS. Dovecot only.
func ExchangeLike() Option { return func(o *options) { o.exchange = true } }

// InboxPrefix puts every mailbox but INBOX below "INBOX." with "." between levels.
// Courier always does.
func InboxPrefix() Option { return func(o *options) { o.inboxPrefix = true } }

// Config adds lines at the end of the server's main configuration file (Courier: to
// its environment, NAME=value a line).
func Config(lines string) Option {
	return func(o *options) { o.config += lines + "\n" }
}

// Users are the only ones, a line of Dovecot's passwd-file format each. Dovecot only.
func Users(lines ...string) Option {
	return func(o *options) { o.users = strings.Join(lines, "\n") + "\n" }
}

// Mechanisms are the SASL mechanisms of Cyrus. Cyrus only; Dovecot has auth_mechanisms in Config.
func Mechanisms(list string) Option { return func(o *options) { o.mechanisms = list } }

// MailLocation is where each user's mailboxes lie, and how, in Dovecot's words; without
// it in a Maildir++ in the user's home. Dovecot only.
func MailLocation(location string) Option {
	return Config("mail_location = " + location)
}

// OAuth has the server take access tokens too, by these mechanisms ("oauthbearer xoauth2"), and ask
// an address about each (RFC 7662). Dovecot only.
func OAuth(introspection, mechanisms string) Option {
	return func(o *options) {
		o.introspection = introspection
		o.config += "auth_mechanisms = plain login " + mechanisms + "\npassdb {\n  driver = oauth2\n  mechanisms = " + mechanisms + "\n  args = $T/oauth2.conf\n}\n"
	}
}
