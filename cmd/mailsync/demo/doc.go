// Package demo is what "mailsync demo" shows a sync with: an IMAP and a POP3 server in memory,
// on loopback, for one user, and their mail. It is part of the program: who tries it has no
// server at hand. Tests of commands use it too.
package demo
