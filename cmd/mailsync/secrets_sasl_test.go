//go:build unix

package main_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"

	"mailsync/internal/testkit/imapscript"
	"mailsync/internal/testkit/pop3script"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/saslserver"
)

// token is one that OAuth providers hand out.
var token = strings.Repeat("ya29.A0Ad-tUx_1+2/", 9) + "=="

// derived keeps what a client sent that a password could be tried against, or that is one: all of it in base64,
// and the proof in it. The user's name and a first message without a proof are none.
type derived struct {
	sync.Mutex
	words []string
}

func (d *derived) heard(said []byte) {
	d.Lock()
	defer d.Unlock()
	text, b64 := string(said), base64.StdEncoding.EncodeToString(said)
	proof := ""
	switch at := strings.LastIndex(text, ",p="); {
	case at >= 0: // SCRAM
		proof = text[at+len(",p="):]
	case strings.HasPrefix(text, "ada ") && len(text) == len("ada ")+32: // CRAM-MD5
		proof = strings.TrimPrefix(text, "ada ")
	case text == "ada", strings.Contains(text, ",r="), len(said) < 8:
		return
	default:
		d.words = append(d.words, b64)
		return
	}
	d.words = append(d.words, proof, proof[:len(proof)/2], b64[len(b64)/2:])
}

func (d *derived) take() []string {
	d.Lock()
	defer d.Unlock()
	return d.words
}

// With every mechanism, whether it works or the server refuses it with what was sent in its words: neither
// password nor token, nor what is made of them, comes out anywhere.
func TestNoMechanismTellsWhatProvesAPassword(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, mechanism := range []string{"PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"} {
		for _, protocol := range []string{"imap", "pop3"} {
			t.Run(protocol+" "+mechanism, func(t *testing.T) {
				t.Parallel()
				word, from := password, sources["password_command"]
				if strings.Contains(mechanism, "OAUTH") {
					word, from = token, func(w *tour, _ string) string { return fmt.Sprintf("token_command = [%q]", w.tell()) }
				}
				said := &derived{}
				user := saslserver.User{Token: token, Heard: said.heard, Tells: true}
				port, wrong := serveMechanism(t, protocol, mechanism, user)
				w := newTour(t, bin, word, from, "", fmt.Sprintf("protocol = %q", protocol), `host = "localhost"`, fmt.Sprintf("port = %d", port), `tls = "none"`)
				for _, line := range []string{"sync work second", "backup work", "verify work --server", "list work", "check work"} {
					if o := w.visit(line); o.Code != 0 {
						t.Errorf("%s: exit %d\n%s", line, o.Code, o.Stderr)
					}
				}
				wrong()
				for _, line := range []string{"sync work second", "--json backup work", "check work"} {
					if o := w.visit(line); o.Code == 0 {
						t.Errorf("%s: a wrong password does", line)
					}
				}
				words := said.take()
				if len(words) == 0 {
					t.Fatal("nothing was sent that proves anything")
				}
				// The runs are done again: what proves the password is another word each time but for these.
				w.hush.forms = append(w.hush.forms, words...)
				w.hush.below(w.dir, w.keeps...)
				o := w.visit("sync work second")
				w.hush.forms = append(w.hush.forms, said.take()...)
				w.hush.text("stdout", o.Stdout)
				w.hush.text("stderr", o.Stderr)
				w.hush.below(w.dir, w.keeps...)
			})
		}
	}
}

// serveMechanism starts a server with one mechanism, and returns what makes its password another one.
func serveMechanism(t *testing.T, protocol, mechanism string, user saslserver.User) (port int, wrong func()) {
	const other = "something else"
	if protocol == "imap" {
		a := imapscript.NewAccount()
		a.Password, a.SASL = password, user
		a.Caps = "IMAP4rev1 UIDPLUS UNSELECT LOGINDISABLED AUTH=" + mechanism
		a.Mailbox("INBOX").Append("Subject: 1\r\n\r\nx\r\n", `\Seen`)
		return imapscript.Every(t, imapscript.Healthy(a, nil)).Port(), func() {
			a.Lock()
			defer a.Unlock()
			a.Password, a.SASL.Token = other, other
		}
	}
	box := pop3script.NewBox("Subject: 1\r\n\r\nx\r\n")
	box.Password, box.SASL, box.Caps = password, user, []string{"UIDL", "SASL " + mechanism}
	return pop3script.New(t, pop3script.Healthy(box, nil)).Port(), func() {
		box.Lock()
		defer box.Unlock()
		box.Password, box.SASL.Token = other, other
	}
}
