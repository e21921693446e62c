// Package saslserver is the server's side of the SASL mechanisms that mailsync logs in with, and of
// servers that get them wrong. What it computes is written from the RFCs alone, and shares nothing with the client's side.
package saslserver

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
)

// User is the one user that a server knows, and how it behaves towards him.
type User struct {
	Name, Password string
	Token          string                  // "": no token is taken
	Accepts        func(token string) bool // in place of Token, for tokens that come and go
	Reason         string                  // JSON with which a token is refused; "" invalid_token

	NoVerifier bool                     // SCRAM is refused before the proof: there is no verifier of this user
	Stale      bool                     // SCRAM's verifier is of another password
	Iterations string                   // that SCRAM announces; "" 4096
	Nonce      string                   // in place of the client's, continued
	Forged     bool                     // the server signature is wrong
	Error      string                   // SCRAM ends with e= this in place of v=
	Lists      []string                 // mechanisms that are announced, for the check of the "y" flag
	Tells      bool                     // a refusal repeats what the client said last, as it came and decoded
	Heard      func(said []byte)        // gets every response; nil: nobody
	Binding    func(kind string) []byte // channel binding data, nil for an unknown kind
}

// Peer is the server's end of a connection.
type Peer struct {
	TLS  *tls.Conn // nil without
	Send func(line string)
	Line func() string // reads one
}

// LogIn is Run over a connection, with challenges and responses in base64. args are the command's: the mechanism, and the
// initial response if there is one. told is what a refusal has to repeat, "" for nothing.
func (u User) LogIn(args string, p Peer) (in bool, told string) {
	mechanism, response, given := strings.Cut(args, " ")
	if p.TLS != nil && u.Binding == nil {
		u.Binding = bound(p.TLS)
	}
	var last []byte
	heard := func(text string) ([]byte, error) {
		said, err := base64.StdEncoding.DecodeString(text)
		if last = said; u.Heard != nil {
			u.Heard(said)
		}
		return said, err
	}
	var initial []byte
	if given {
		initial, _ = heard(response) // "=" is an empty one
	}
	in = u.Run(mechanism, initial, func(challenge []byte) ([]byte, bool) {
		p.Send("+ " + base64.StdEncoding.EncodeToString(challenge))
		said, err := heard(p.Line())
		return said, err == nil
	})
	if u.Tells && !in {
		told = repeated(last)
	}
	return in, told
}

// bound returns the channel binding data of a TLS connection, seen from the server (RFC 5929, RFC 9266).
func bound(conn *tls.Conn) func(kind string) []byte {
	return func(kind string) []byte {
		cs := conn.ConnectionState()
		switch {
		case kind == "tls-unique" && cs.Version == tls.VersionTLS12:
			return cs.TLSUnique
		case kind == "tls-exporter" && cs.Version == tls.VersionTLS13:
			data, err := cs.ExportKeyingMaterial("EXPORTER-Channel-Binding", []byte{}, 32)
			if err == nil {
				return data
			}
		}
		return nil
	}
}

// repeated is how a server repeats a response in a text: in base64, and as much of it as can be printed.
func repeated(said []byte) string {
	return base64.StdEncoding.EncodeToString(said) + " " + strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, string(said))
}

// Ask sends a challenge and returns the response; ok is false where the client cancelled.
type Ask func(challenge []byte) (response []byte, ok bool)

// Run runs a mechanism, and reports whether the user is let in. initial is the initial response, nil where the client sent none.
func (u User) Run(mechanism string, initial []byte, ask Ask) bool {
	first := func() ([]byte, bool) {
		if initial != nil {
			return initial, true
		}
		return ask(nil)
	}
	switch name := strings.ToUpper(mechanism); name {
	case "PLAIN":
		said, ok := first()
		return ok && string(said) == "\x00"+u.Name+"\x00"+u.Password
	case "LOGIN":
		name, ok := ask([]byte("Username:"))
		if !ok {
			return false
		}
		word, ok := ask([]byte("Password:"))
		return ok && string(name) == u.Name && string(word) == u.Password
	case "CRAM-MD5":
		return u.cram(ask)
	case "OAUTHBEARER", "XOAUTH2":
		said, ok := first()
		return ok && u.token(string(said), ask)
	case "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS":
		said, ok := first()
		return ok && u.scram(sha1.New, strings.HasSuffix(name, "-PLUS"), string(said), ask)
	case "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS":
		said, ok := first()
		return ok && u.scram(sha256.New, strings.HasSuffix(name, "-PLUS"), string(said), ask)
	}
	return false
}

func (u User) cram(ask Ask) bool {
	challenge := []byte("<1896.697170952@postoffice.example>")
	said, ok := ask(challenge)
	mac := hmac.New(md5.New, []byte(u.Password))
	mac.Write(challenge)
	return ok && string(said) == u.Name+" "+hex.EncodeToString(mac.Sum(nil))
}

func (u User) token(said string, ask Ask) bool {
	if u.Token != "" && strings.Contains(said, u.Name) && strings.Contains(said, "auth=Bearer "+u.Token+"\x01") {
		return true
	}
	if _, rest, ok := strings.Cut(said, "auth=Bearer "); ok && u.Accepts != nil && strings.Contains(said, u.Name) {
		if word, _, ok := strings.Cut(rest, "\x01"); ok && u.Accepts(word) {
			return true
		}
	}
	reason := u.Reason
	if reason == "" {
		reason = `{"status":"invalid_token"}`
	}
	ask([]byte(reason))
	return false
}

// scram is RFC 5802 section 5, and section 6 for the flag of channel binding.
func (u User) scram(h func() hash.Hash, plus bool, first string, ask Ask) bool {
	parts := strings.SplitN(first, ",", 3)
	if len(parts) != 3 {
		return false
	}
	flag, bare := parts[0], parts[2]
	kind, bound := strings.CutPrefix(flag, "p=")
	var binding []byte
	switch {
	case bound != plus, u.NoVerifier:
		return false
	case bound:
		if u.Binding == nil {
			return false
		}
		if binding = u.Binding(kind); binding == nil {
			return false
		}
	case flag == "y" && strings.Contains(strings.Join(u.Lists, " "), "-PLUS"):
		return false // somebody took the offer out of the list
	}
	name, nonce, _ := strings.Cut(strings.TrimPrefix(bare, "n="), ",r=")
	if strings.NewReplacer("=2C", ",", "=3D", "=").Replace(name) != u.Name {
		return false
	}
	iterations, salt := 4096, []byte("salt of the test")
	announced := fmt.Sprint(iterations)
	if u.Iterations != "" {
		announced = u.Iterations
		_, _ = fmt.Sscan(announced, &iterations)
	}
	if nonce += "server"; u.Nonce != "" {
		nonce = u.Nonce
	}
	serverFirst := fmt.Sprintf("r=%s,s=%s,i=%s", nonce, base64.StdEncoding.EncodeToString(salt), announced)
	said, ok := ask([]byte(serverFirst))
	if !ok {
		return false
	}
	final := string(said)
	without, proof64, _ := strings.Cut(final, ",p=")
	proof, err := base64.StdEncoding.DecodeString(proof64)
	header := append([]byte(parts[0]+","+parts[1]+","), binding...)
	if err != nil || without != "c="+base64.StdEncoding.EncodeToString(header)+",r="+nonce {
		return false
	}
	if u.Stale {
		u.Password += " of last year"
	}
	salted, err := pbkdf2.Key(h, u.Password, salt, iterations, h().Size())
	if err != nil {
		return false
	}
	return u.verify(h, salted, bare+","+serverFirst+","+without, proof, ask)
}

// verify checks the client's proof and sends the server's.
func (u User) verify(h func() hash.Hash, salted []byte, message string, proof []byte, ask Ask) bool {
	sum := func(key []byte, text string) []byte {
		mac := hmac.New(h, key)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	digest := h()
	digest.Write(sum(salted, "Client Key"))
	stored := digest.Sum(nil)
	if len(proof) != len(stored) {
		return false
	}
	key := sum(stored, message)
	for i := range key {
		key[i] ^= proof[i]
	}
	digest.Reset()
	digest.Write(key)
	right := bytes.Equal(digest.Sum(nil), stored)
	signature := sum(sum(salted, "Server Key"), message)
	switch {
	case u.Error != "":
		ask([]byte("e=" + u.Error))
		return false
	case u.Forged:
		signature[0] ^= 1
		_, ok := ask([]byte("v=" + base64.StdEncoding.EncodeToString(signature)))
		return ok // as somebody who has no verifier would let anybody in
	case !right:
		return false
	}
	_, ok := ask([]byte("v=" + base64.StdEncoding.EncodeToString(signature)))
	return ok
}
