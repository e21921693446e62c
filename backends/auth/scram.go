package auth

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"hash"
	"strconv"
	"strings"

	"mailsync/backends/reach"
	"mailsync/backends/redact"
	"mailsync/state"
)

// scramHash is the hash function of a SCRAM mechanism (RFC 5802, RFC 7677); ok is false for another mechanism.
func scramHash(mechanism string) (h func() hash.Hash, ok bool) {
	switch strings.TrimSuffix(mechanism, plus) {
	case "SCRAM-SHA-256":
		return sha256.New, true
	case "SCRAM-SHA-1":
		return sha1.New, true
	}
	return nil, false
}

// plus ends the name of a mechanism that is bound to the channel.
const plus = "-PLUS"

// scrams are the SCRAM mechanisms, the best first.
var scrams = []string{"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}

// How often a password may be hashed. Fewer are less than RFC 5802 section 5.1 has servers ask for, and more
// would keep this machine busy for longer than a log-in may take.
const (
	minIterations = 4096
	maxIterations = 2_000_000
)

// scram proves that we know a password, without sending it, and has the server prove the same.
type scram struct {
	c      Credentials
	name   string
	hash   func() hash.Hash
	header string // GS2 (RFC 5801 section 4)
	bound  []byte // channel binding data
	nonce  string

	step      int
	bare      string // the first message without its header
	signature []byte // the server's, as it has to be
	verified  bool
}

// newScram returns a SCRAM mechanism. A mechanism with -PLUS is bound to b. Without, the server learns whether
// it could have been (RFC 5802 section 6): plusOffered means that it offers that, and then "y" would be
// taken for a sign that somebody has removed the offer.
func newScram(name string, c Credentials, b Binding, plusOffered bool) *scram {
	h, _ := scramHash(name)
	m := &scram{c: c, name: name, hash: h, header: "n,,", nonce: rand.Text()}
	switch {
	case strings.HasSuffix(name, plus):
		m.header, m.bound = "p="+b.Kind+",,", b.Data
	case b.Kind != "" && !plusOffered:
		m.header = "y,,"
	}
	return m
}

func (m *scram) Start() (string, []byte, error) {
	m.bare = "n=" + saslName(prepared(m.c.User)) + ",r=" + m.nonce
	return m.name, []byte(m.header + m.bare), nil
}

func (m *scram) Next(challenge []byte) ([]byte, error) {
	switch m.step++; m.step {
	case 1:
		return m.prove(string(challenge))
	case 2:
		return m.verify(string(challenge))
	}
	return nil, errTooMuch
}

func (m *scram) Tested() bool { return m.signature != nil }

func (m *scram) Finish() error {
	if !m.verified {
		return forged()
	}
	return nil
}

// prove answers the server's first message with the proof that we know the password.
func (m *scram) prove(first string) ([]byte, error) {
	nonce, salt, iterations, err := readFirst(first)
	switch {
	case err != nil:
		return nil, unfit("cannot read the server's message of " + m.name)
	case !strings.HasPrefix(nonce, m.nonce) || len(nonce) == len(m.nonce):
		return nil, unfit("server's nonce does not continue ours")
	case iterations < minIterations || iterations > maxIterations:
		return nil, unfit("server asks to hash the password " + strconv.FormatUint(iterations, 10) + " times, and " +
			strconv.Itoa(minIterations) + " to " + strconv.Itoa(maxIterations) + " are taken")
	}
	salted, err := pbkdf2.Key(m.hash, prepared(m.c.Secret), salt, int(iterations), m.hash().Size())
	if err != nil {
		return nil, unfit("cannot hash the password: " + err.Error())
	}
	without := "c=" + base64.StdEncoding.EncodeToString(append([]byte(m.header), m.bound...)) + ",r=" + nonce
	message := m.bare + "," + first + "," + without
	key := m.sum(salted, "Client Key")
	h := m.hash()
	h.Write(key)
	for i, b := range m.sum(h.Sum(nil), message) {
		key[i] ^= b
	}
	m.signature = m.sum(m.sum(salted, "Server Key"), message)
	return []byte(without + ",p=" + base64.StdEncoding.EncodeToString(key)), nil
}

func (m *scram) sum(key []byte, text string) []byte {
	mac := hmac.New(m.hash, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// readFirst reads the server's first message. An extension that has to be understood comes first, and is an error.
func readFirst(s string) (nonce string, salt []byte, iterations uint64, err error) {
	parts := strings.Split(s, ",")
	if len(parts) < 3 {
		return "", nil, 0, errors.New("too short")
	}
	nonce, isNonce := strings.CutPrefix(parts[0], "r=")
	salted, isSalt := strings.CutPrefix(parts[1], "s=")
	count, isCount := strings.CutPrefix(parts[2], "i=")
	if !isNonce || !isSalt || !isCount {
		return "", nil, 0, errors.New("not the fields that it has to have")
	}
	if salt, err = base64.StdEncoding.DecodeString(salted); err != nil || len(salt) == 0 {
		return "", nil, 0, errors.New("no salt")
	}
	iterations, err = strconv.ParseUint(count, 10, 63)
	return nonce, salt, iterations, err
}

// verify reads the server's last message: its own proof, or why it lets nobody in.
func (m *scram) verify(last string) ([]byte, error) {
	first, _, _ := strings.Cut(last, ",")
	if why, failed := strings.CutPrefix(first, "e="); failed {
		return []byte{}, refusedBy(why)
	}
	raw, isProof := strings.CutPrefix(first, "v=")
	got, err := base64.StdEncoding.DecodeString(raw)
	if !isProof || err != nil || !hmac.Equal(got, m.signature) {
		return nil, forged()
	}
	m.verified = true
	return []byte{}, nil
}

// refusedBy is the error for a reason of RFC 5802 section 7. Most are another word for a wrong user or
// password, which the server's refusal follows.
func refusedBy(why string) error {
	switch why {
	case "channel-bindings-dont-match", "server-does-support-channel-binding":
		return state.Faultf(state.Login, "%w: the server sees another TLS connection than we do (%s)", ErrForged, why).
			WithHint("something in between opens the connection (a virus scanner, a proxy, an attacker): do not log in from here before you know what it is")
	}
	return &scramError{why}
}

// scramError is a server's reason to refuse a SCRAM log-in.
type scramError struct{ why string }

func (e *scramError) Error() string { return "reason " + reach.Quoted(e.why) }

// hide removes secrets from what the server said.
func (e *scramError) hide(s *redact.Secrets) { e.why = s.Hide(e.why) }

// ErrForged means that the server could not prove that it knows the password: it may be another one. No
// other way of logging in is tried.
var ErrForged = errors.New("server did not prove that it knows the password")

func forged() error {
	return state.Faultf(state.Login, "%w: its SCRAM signature is wrong", ErrForged).
		WithHint("it may not be the server that it says it is: check host and certificate, and do not log in from this network before you know; if it is the right one, ask its operator")
}

// Unfit means that a mechanism cannot be used with this server, whose password was not tested.
type Unfit struct{ why string }

func (e *Unfit) Error() string { return e.why }

func unfit(why string) error { return &Unfit{why} }
