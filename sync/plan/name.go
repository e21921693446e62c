package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"mailsync/state"
)

// SameLevels compares mailbox names. INBOX is INBOX in any case (RFC 9051 section 5.1).
func SameLevels(a, b []string) bool {
	return slices.Equal(a, b) || len(a) == 1 && len(b) == 1 && state.SameName(a[0], b[0])
}

// A level of a name may contain the server's separator: "Person K." where that is a dot. There it is replaced,
// and the report names the replacement.

// SpelledFor returns levels as a server with this separator can have them, and what replaces the separator, ""
// where nothing had to be replaced. taken reports whether another mailbox has a name.
func SpelledFor(levels []string, sep string, taken func([]string) bool) (spelled []string, by string) {
	if sep == "" || !slices.ContainsFunc(levels, func(l string) bool { return strings.Contains(l, sep) }) {
		return levels, ""
	}
	if by = "_"; sep == by {
		by = "-"
	}
	for _, l := range levels {
		spelled = append(spelled, strings.ReplaceAll(l, sep, by))
	}
	for last := len(spelled) - 1; taken(spelled); {
		spelled[last] += by
	}
	return spelled, by
}

// SeparatorOf is the hierarchy separator in a listing.
func SeparatorOf(listing *state.Listing) string {
	for _, l := range listing.Mailboxes {
		if l.Sep != "" {
			return l.Sep
		}
	}
	return ""
}

// DisplayName is the name of a mailbox as people read it.
func DisplayName(levels []string) string { return strings.Join(levels, "/") }

// CompareNames sorts mailboxes as people expect: INBOX first.
func CompareNames(a, b string) int {
	if (a == "INBOX") != (b == "INBOX") {
		if a == "INBOX" {
			return -1
		}
		return 1
	}
	return cmp.Compare(a, b)
}

// Message names one message of an account.
type Message struct {
	Mailbox string // decoded name, levels joined by "/"
	UID     state.UID
}

// String is the message as --accept takes it.
func (m Message) String() string { return fmt.Sprintf("%s:%d", m.Mailbox, m.UID) }

// Views are the roles of mailboxes that show messages of others (RFC 6154 section 2, RFC 8457),
// and take none but where mailboxes are labels.
var Views = []string{"all", "flagged", "important"}

// IsView reports whether a mailbox of a role shows what other mailboxes hold, and holds nothing but
// where mailboxes are labels.
func IsView(role string) bool { return role == "all" || role == "flagged" }
