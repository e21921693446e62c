package imap

import "sync/atomic"

// observed is what an account's server was seen to do, or to fail at, in this run, whatever it
// announces. All sessions of the account go by it.
type observed struct {
	noMailboxID atomic.Bool  // a listing that asked for MAILBOXID could not be read
	bareList    atomic.Bool  // a LIST that asked for STATUS broke the connection
	noLimit     atomic.Bool  // a STATUS that asked for APPENDLIMIT broke the connection
	alone       atomic.Bool  // bodies are asked for alone: what followed one could not be read
	peeks       atomic.Bool  // \Seen was left alone by a FETCH of bodies
	stored      atomic.Bool  // an APPEND was answered with OK
	way         atomic.Int32 // of logging in, that was taken last; 0: none yet
}
