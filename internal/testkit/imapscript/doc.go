// Package imapscript is an IMAP server for tests that does what it is told.
//
// A test hands New one Handler for each connection it expects. Play makes a Handler of
// a text in which client and server take turns; Healthy makes one of mailboxes in
// memory, any answer of which a test may replace; a function that talks to a Peer can
// do anything else: send bytes one at a time, fall silent, close or reset in the
// middle of a literal. Everything ends with the test, and what the script does not
// expect fails it.
package imapscript
