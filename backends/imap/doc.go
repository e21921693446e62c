// Package imap is one account on an IMAP server: its mailboxes are listed, scanned,
// fetched from and changed over a few connections.
//
// imapclient, on a wire.Conn, does log-in, FETCH of bodies and the EXAMINE ahead of it. Everything
// else is a command of wire.Conn's own, because there every
// line is seen as the server sent it and in its order: imapclient hands a FETCH that it
// cannot match to another goroutine, and a name only after it was decoded.
//
// What changes the server can be interrupted safely. A command that may have been done is not
// sent again where that would do it twice (APPEND, COPY, MOVE); nothing is expunged but by UID,
// and nothing counts as gone that was not looked for.
//
// A session is used by one goroutine at a time. The pool makes sessions when they are
// needed and drops those that broke. Commands about messages are methods of opened, the
// mailbox that a session has selected. A command that takes several steps has a type for
// them: scanning, storing, appending, expunging, moving, creating.
package imap
