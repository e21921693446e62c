package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
)

// The mechanisms that send the password as it is, or a digest of it.
const (
	Plain   = "PLAIN"    // RFC 4616
	Login   = "LOGIN"    // of old servers
	CRAMMD5 = "CRAM-MD5" // RFC 2195
)

// plain is PLAIN: user and password as they are.
type plain struct{ c Credentials }

func (m *plain) Start() (string, []byte, error) {
	return Plain, []byte("\x00" + m.c.User + "\x00" + m.c.Secret), nil
}

func (m *plain) Next([]byte) ([]byte, error) { return nil, errTooMuch }
func (m *plain) Tested() bool                { return true }
func (m *plain) Finish() error               { return nil }

// login is LOGIN: the server asks for the user, then for the password. Servers ask in words of
// their own, so the order counts.
type login struct {
	c     Credentials
	asked int
}

func (m *login) Start() (string, []byte, error) { return Login, nil, nil }

func (m *login) Next([]byte) ([]byte, error) {
	switch m.asked++; m.asked {
	case 1:
		return []byte(m.c.User), nil
	case 2:
		return []byte(m.c.Secret), nil
	}
	return nil, errTooMuch
}

func (m *login) Tested() bool  { return m.asked > 1 }
func (m *login) Finish() error { return nil }

// cram is CRAM-MD5: the digest of a challenge with the password for a key.
type cram struct {
	c    Credentials
	sent bool
}

func (m *cram) Start() (string, []byte, error) { return CRAMMD5, nil, nil }

func (m *cram) Next(challenge []byte) ([]byte, error) {
	if m.sent {
		return nil, errTooMuch
	}
	m.sent = true
	mac := hmac.New(md5.New, []byte(m.c.Secret))
	mac.Write(challenge)
	return []byte(m.c.User + " " + hex.EncodeToString(mac.Sum(nil))), nil
}

func (m *cram) Tested() bool  { return m.sent }
func (m *cram) Finish() error { return nil }
