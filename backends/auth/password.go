package auth

// Plain is PLAIN (RFC 4616): user and password as they are.
func Plain(c Credentials) Mechanism { return &plain{c: c} }

type plain struct {
	c    Credentials
	sent bool
}

func (m *plain) Start() (string, []byte, error) {
	m.sent = true
	return "PLAIN", []byte("\x00" + m.c.User + "\x00" + m.c.Secret), nil
}

func (m *plain) Next([]byte) ([]byte, error) { return nil, errTooMuch }
func (m *plain) Tested() bool                { return m.sent }
func (m *plain) Finish() error               { return nil }

// ForPassword returns the mechanisms to try with a password, of those that has reports as offered.
func ForPassword(has func(mechanism string) bool) (names []string) {
	if has("PLAIN") {
		names = append(names, "PLAIN")
	}
	return names
}
