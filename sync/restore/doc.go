// Package restore puts mail of Maildirs on a server: another one, or the account's own. What is there already is not
// sent again.
package restore
