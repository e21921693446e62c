package mailbox

import "crypto/rand"

// RandomID returns a new account id: 26 base32 characters.
func RandomID() string { return rand.Text() }

// RandomToken returns a new generation's token: 10 base32 characters, 50 bits. It has
// to be unique among one account's generations only, and stands in every file name.
func RandomToken() string { return rand.Text()[:10] }
