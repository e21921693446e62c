package state

import "crypto/tls"

// Probe is what a first connection to a server showed, as far as it came.
type Probe struct {
	Address      string               // that answered; "" where none did
	TLS          *tls.ConnectionState // nil for plain text, or where the handshake failed
	Greeted      bool                 // the server spoke the protocol
	LoggedIn     bool
	Capabilities []string // after the log-in, as the server spells them
}
