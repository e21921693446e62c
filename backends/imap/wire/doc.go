// Package wire is the net.Conn between imapclient and a server.
//
// It follows the protocol's lines and literals in both directions. On the way in it
// bounds them. imapclient gets the answers to what it is used for, which is log-in, EXAMINE
// and FETCH of bodies, in a form that it can parse, and no others; whoever made the Conn is
// given a report of everything that was changed or left out. A body's literal passes through
// untouched. On the way out it counts commands and, in backup mode, refuses those that could
// change the server.
//
// Commands of our own go out between the client's: one at a time, or several without
// waiting for the answers in between, with a literal that is read while it is sent.
//
// A Conn is made of these: socket moves octets, under deadlines, compressed or not; reader
// parts them into lines and literals; filter makes of those what imapclient reads, with
// fetch for a FETCH response on its way; writer is the way out; exchange knows what is under
// way between the two, how long to wait for it, and how it ended; tracer hides secrets from
// whatever people may see.
//
// What it cannot read breaks the connection with an error that explains why;
// nothing is left out silently.
//
// Two things are left to whoever uses imapclient on a Conn. When reading a body fails,
// wait for the client's Closed before the command is drained: until then imapclient's
// own reader touches what draining touches. And when a command fails, ask LastError
// why: imapclient only reports that the connection has ended.
package wire
