package sync

import (
	"cmp"
	"crypto/rand"
	"strings"
)

// turn lets one goroutine at a time have something: take it, give it back. (This
// package does without the standard library's package of its own name.)
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take() { t <- struct{}{} }
func (t turn) give() { <-t }

// randomID returns a new account id: 26 base32 characters.
func randomID() string { return rand.Text() }

// randomToken returns a new generation's token: 10 base32 characters, 50 bits. It has
// to be unique among one account's generations only, and stands in every file name.
func randomToken() string { return rand.Text()[:10] }

func displayName(levels []string) string { return strings.Join(levels, "/") }

// compareNames sorts mailboxes as people expect: INBOX first.
func compareNames(a, b string) int {
	if (a == "INBOX") != (b == "INBOX") {
		if a == "INBOX" {
			return -1
		}
		return 1
	}
	return cmp.Compare(a, b)
}
