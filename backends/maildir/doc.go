// Package maildir is the disk side of an account: a tree of plain Maildirs that any
// mail program may read and change at any time.
//
// A message arrives in four steps, each of which may be the last before the power
// fails: Receive writes it to tmp/, counted, digested, dated, fsynced and closed;
// Publish links it to its final name; Sync makes the name durable; and only then the
// engine records it. So a file under a final name is always whole, and one that is
// recorded is always durable.
//
// A Maildir is made of parts: folders (what names there are, and which changes are not durable
// yet), tmp (bodies without a final name), index (the names that an identity has by now), alphabet
// (letters for keywords) and, for the whole tree, the trash, the paths in use and what others own.
//
// A file's identity is the token and the UID in its name (filename.go). The rest of the
// name is a hint. What is gone is decided in scan.go, in no other place.
package maildir
