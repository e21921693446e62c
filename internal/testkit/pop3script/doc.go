// Package pop3script is a POP3 server for tests that does what it is told.
//
// [Healthy] serves a [Box] as a good server does, and any of its answers may be replaced; a
// function that talks to a [Peer] can do anything else: send octets one at a time, fall
// silent, close or reset in the middle of a message. Everything ends with the test.
package pop3script
