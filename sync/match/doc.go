// Package match finds out which of two things are the same message: of what was sent and what came, of what went in
// one mailbox and came in another, of files and of what a server lists.
package match
