package config

import (
	"strconv"
	"strings"
	"testing"

	"mailsync/state"
)

func TestBare(t *testing.T) {
	for url, want := range map[string]string{
		"imaps://ada@imap.example.org":       "ada@imap.example.org imap implicit imap.example.org 993 ada",
		"imaps://ada@example.org@imap.x.org": "ada@example.org imap implicit imap.x.org 993 ada@example.org",
		"imaps://ada%40x.org@imap.x.org:77/": "ada@x.org imap implicit imap.x.org 77 ada@x.org",
		"imap://ada@imap.example.org":        "ada@imap.example.org imap starttls imap.example.org 143 ada",
		"imap://ada@localhost:1143":          "ada@localhost imap none localhost 1143 ada",
		"imap://ada@[::1]:1143":              "ada@::1 imap none ::1 1143 ada",
		"pop3s://ada@pop.example.org":        "ada@pop.example.org pop3 implicit pop.example.org 995 ada",
		"pop3://ada@pop.example.org":         "ada@pop.example.org pop3 starttls pop.example.org 110 ada",
		"pop3://ada@127.0.0.1":               "ada@127.0.0.1 pop3 none 127.0.0.1 110 ada",
	} {
		a, err := Bare{URL: url, Maildir: "/m"}.Account()
		if err != nil {
			t.Errorf("%s: %v", url, err)
			continue
		}
		got := strings.Join([]string{a.Name, a.Protocol, a.TLS, a.Host, strconv.Itoa(a.Port), a.User}, " ")
		if got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
	for url, want := range map[string]string{
		"imap.example.org":              "does not begin with imaps",
		"http://ada@h":                  "does not begin with imaps",
		"imaps:ada@h":                   "cannot be read",
		"imaps://ada@":                  "no host",
		"imaps://h":                     "no user",
		"imaps://@h":                    "no user",
		"imaps://ada:hush@h":            "holds a password",
		"imaps://ada:@h":                "holds a password",
		"imaps://ada@h/INBOX":           "follows the host",
		"imaps://ada@h?x=hush":          "follows the host",
		"imaps://ada@h:99999":           "port",
		"imaps://ada@h:hush":            "cannot be read",
		"imaps://a%00da@h":              "control character",
		"imaps://ada:hush@h\x7f/%zz%hu": "cannot be read",
	} {
		_, err := Bare{URL: url, Maildir: "/m"}.Account()
		if err == nil || !strings.Contains(err.Error(), want) || state.KindOf(err) != state.Usage {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
		if err != nil && strings.Contains(err.Error()+state.HintOf(err), "hush") {
			t.Errorf("%q: a password in %v", url, err)
		}
	}
}
