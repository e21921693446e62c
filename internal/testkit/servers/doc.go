// Package servers runs real mail servers as child processes of a test: Dovecot, Cyrus
// IMAP, Courier, GNU mailutils, popa3d and maddy, and the proxies imapproxy and perdition
// before another of them; several at once, each in a folder of its own, on loopback
// ports that were free a moment ago.
//
//	srv := servers.Dovecot(t, servers.Quota(10<<20, 20000))
//	srv.AddUser("ada")
//	conn, err := tls.Dial("tcp", srv.IMAPS, srv.TLS())
//
// A server is gone, with all its children and sessions, when its test ends. One that
// this machine lacks skips the test, saying so; where CI=true is set it fails it, for
// there a silent skip would hide that nothing was tested. install.sh brings them.
package servers
