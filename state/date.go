package state

import (
	"math"
	"net/mail"
	"strings"
)

// NoDate is the date of a message whose INTERNALDATE is missing, unreadable or none.
// Such a message is never old.
const NoDate = math.MinInt64

// firstDate is the first second of 1971.
const firstDate = 365 * 24 * 60 * 60

// DateOf is a message's date in seconds since 1970, or NoDate for what is none: servers that
// know no date tell the zero of their clock (30-Dec-1899, 01-Jan-1970, the latter in any time
// zone), and file systems the zero of theirs. No message that a server has is as old as that.
func DateOf(seconds int64) int64 {
	if seconds < firstDate {
		return NoDate
	}
	return seconds
}

// lastDate is the end of year 9999: what is later is no date of a message.
const lastDate = 253402300799

// ParseDate reads a date as headers have it (RFC 5322 section 3.3), in seconds since 1970; NoDate for what is none.
func ParseDate(text string) int64 {
	when, err := mail.ParseDate(strings.TrimSpace(text))
	if err != nil || when.Unix() > lastDate {
		return NoDate
	}
	return DateOf(when.Unix())
}
