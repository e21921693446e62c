// Package restore puts mail of Maildirs on a server: another one (Restore), or the account's own (Home). What is there
// already is not sent again. Both load their messages (load.go) and match them with those of a mailbox (match.go) in one way.
// They differ in what they remember: a restore to another server leaves the local side as it is and keeps a ledger, one
// to the account's own server is an append, with its intents in the base, and gives each file its message's identity.
package restore
