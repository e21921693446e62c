package state

import "strings"

// RawKey is a mailbox's name for comparison, raw or as it is shown: INBOX in any case is INBOX
// (RFC 9051 section 5.1), every other name is case-sensitive.
func RawKey(name string) string {
	if strings.EqualFold(name, "INBOX") {
		return "INBOX"
	}
	return name
}

// SameName reports whether two names are of one mailbox.
func SameName(a, b string) bool { return RawKey(a) == RawKey(b) }
