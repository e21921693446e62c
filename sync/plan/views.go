package plan

// Views are the roles of mailboxes that show messages of others (RFC 6154 section 2, RFC 8457),
// and take none but where mailboxes are labels.
var Views = []string{"all", "flagged", "important"}

// IsView reports whether a mailbox of a role shows what other mailboxes hold, and holds nothing but
// where mailboxes are labels.
func IsView(role string) bool { return role == "all" || role == "flagged" }
