// Package pop3 is an account on a POP3 server: it connects, looks, fetches, and deletes
// where it is asked to.
//
// POP3 has one mailbox, no flags, and message numbers that mean something in one session
// only (RFC 1939 section 3). What lasts is a message's unique-id. [Numbers] gives each
// unique-id a UID, so that the engine sees a mailbox like any other: INBOX, UIDVALIDITY 1,
// and names each message's file after the SHA-256 of its unique-id. A message without a
// unique-id of its own is named after the digest of its bytes, and never deleted.
//
// # Layers
//
//	client   one connection: lines, answers, deadlines, trace; commands in client_*.go
//	auth     a log-in over a client: the ways, and SASL, in login_ways.go and sasl.go
//	dot      the end of a multi-line answer, and nothing else, in dot.go
//	session  a client that is logged in, and what it listed: numbers mean something here
//	Account  opens sessions when they are needed, one at a time, and is the engine's Server
//
// # What deletes
//
// DELE is sent by [Account.Expunge] and nowhere else, for messages that the same session
// listed and named again right before. What it marks is deleted at QUIT; a connection that ends
// without QUIT deletes nothing (RFC 1939 section 6), so every doubt closes the connection. After one,
// each answer is waited for: an odd one is its message's failure then, and puts no other in doubt.
package pop3
