package pop3

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/emersion/go-sasl"

	"mailsync/backends/reach"
)

// maxCommand is a command's length with its line end (RFC 2449 section 4). An initial
// response that does not fit is sent by itself (RFC 5034 section 4).
const maxCommand = 255

// maxChallenges bounds a server that asks on and on.
const maxChallenges = 8

// sasl runs AUTH (RFC 1734, RFC 5034) with a mechanism.
func (a *auth) sasl(m sasl.Client) error {
	c := a.c
	name, first, err := m.Start()
	if err != nil {
		return err
	}
	command, shown := "AUTH "+name, "AUTH "+name
	response := base64.StdEncoding.EncodeToString(first)
	fits := len(command)+1+len(response)+2 <= maxCommand
	if fits {
		command, shown = command+" "+response, shown+" ***"
	}
	if err := a.say(command, shown); err != nil {
		return err
	}
	var told error // what a mechanism read in the server's challenge
	for n := 0; ; n++ {
		word, text, err := c.status()
		switch {
		case err != nil:
			return err
		case word == "+OK":
			return told
		case word == "-ERR" && told != nil:
			return fmt.Errorf("%w (%w)", newRefusal(text), told)
		case word == "-ERR":
			return newRefusal(text)
		case n == maxChallenges:
			return c.garbled("server asks for more and more in AUTH %s", name)
		}
		answer := response
		// An empty challenge to an initial response comes from a server that overlooked it.
		if n > 0 || fits && text != "" {
			answer, told = next(m, text)
		}
		if err := a.say(answer, "***"); err != nil {
			return err
		}
	}
}

// next answers a challenge. A mechanism that cannot go on cancels with "*" (RFC 5034
// section 4), unless it has something to say with its error.
func next(m sasl.Client, text string) (answer string, told error) {
	challenge, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil {
		return "*", fmt.Errorf("cannot read the challenge %s", reach.Quoted(text))
	}
	b, err := m.Next(challenge)
	if err != nil && b == nil {
		return "*", err
	}
	return base64.StdEncoding.EncodeToString(b), err
}

// say sends a line of an AUTH conversation; only its first counts as a command.
func (a *auth) say(line, shown string) error {
	c := a.c
	if err := c.putAs(line, shown); err != nil {
		return err
	}
	if !strings.HasPrefix(line, "AUTH ") {
		c.sent.Add(-1)
	}
	return c.flush()
}

// xoauth2 is the mechanism that Google and Microsoft had before OAUTHBEARER.
type xoauth2 struct {
	user, token string
	shown       func(string) string // makes the server's words fit to be shown
}

func (x *xoauth2) Start() (string, []byte, error) {
	return "XOAUTH2", []byte("user=" + x.user + "\x01auth=Bearer " + x.token + "\x01\x01"), nil
}

// Next gets a challenge only where the token was refused: the reason, to be answered with
// nothing before the refusal comes.
func (x *xoauth2) Next(challenge []byte) ([]byte, error) {
	return []byte{}, tokenRefused(challenge, x.shown)
}

// bearer is OAUTHBEARER (RFC 7628 section 3.1).
type bearer struct {
	user, token, host string
	port              int
	shown             func(string) string
}

func (b *bearer) Start() (string, []byte, error) {
	// The user stands in a GS2 header, where two characters are escaped (RFC 5801 section 4).
	user := strings.NewReplacer("=", "=3D", ",", "=2C").Replace(b.user)
	return "OAUTHBEARER", []byte("n,a=" + user + ",\x01host=" + b.host + "\x01port=" + strconv.Itoa(b.port) +
		"\x01auth=Bearer " + b.token + "\x01\x01"), nil
}

// Next answers the reason for a refusal with a lone %x01 (RFC 7628 section 3.2.3).
func (b *bearer) Next(challenge []byte) ([]byte, error) {
	return []byte{1}, tokenRefused(challenge, b.shown)
}

// tokenRefused reads the JSON in which both mechanisms say why.
func tokenRefused(challenge []byte, shown func(string) string) error {
	var why struct{ Status, Scope string }
	if err := json.Unmarshal(challenge, &why); err != nil || why.Status == "" {
		return errors.New("the token was refused")
	}
	return fmt.Errorf("the token was refused with status %s", reach.Quoted(shown(why.Status)))
}
