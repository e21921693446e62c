package config

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The file that the README sends people to is right, and has every key that is built.
func TestExample(t *testing.T) {
	b, err := os.ReadFile("../../../example.toml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	c, err := Parse("example.toml", text, 0o600, env)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Accounts) != 3 || c.Accounts[2].OAuth == nil || c.Accounts[1].Protocol != "pop3" || c.Accounts[0].Maildir != "/home/ada/Mail/work" {
		t.Errorf("the example says something else: %+v", c.Accounts[0])
	}
	for _, k := range accountKeys(&Account{}) {
		if !regexp.MustCompile(`(?m)^(# )?` + k.name + ` *= `).MatchString(text) {
			t.Errorf("%s is not in the example", k.name)
		}
	}
	_, inArchive, _ := strings.Cut(text, "\n[accounts.work.archive]\n")
	for _, k := range archiveKeys(&Archive{}) {
		if !regexp.MustCompile(`(?m)^(# )?` + k.name + ` *= `).MatchString(inArchive) {
			t.Errorf("archive.%s is not in the example", k.name)
		}
	}
	_, inOAuth, _ := strings.Cut(text, "\n[accounts.gmail.oauth2]\n")
	for _, k := range oauthKeys(&OAuth{}) {
		if !regexp.MustCompile(`(?m)^(# )?` + k.name + ` *= `).MatchString(inOAuth) {
			t.Errorf("oauth2.%s is not in the example", k.name)
		}
	}
	// What is commented out is right as well, when it is put in place of what is there.
	for _, l := range regexp.MustCompile(`(?m)^# ([a-z_]+ *= .*)$`).FindAllStringSubmatch(text, -1) {
		all := text
		if strings.HasPrefix(l[1], "client_secret ") {
			all = regexp.MustCompile(`(?m)^client_secret_command.*$`).ReplaceAllString(all, "")
		}
		if strings.HasPrefix(l[1], "token_command") {
			all = regexp.MustCompile(`(?m)^auth = "password".*$`).ReplaceAllString(all, "")
		}
		if strings.HasPrefix(l[1], "password") || strings.HasPrefix(l[1], "token_command") {
			all = regexp.MustCompile(`(?m)^password_command.*$`).ReplaceAllString(all, "")
		}
		if strings.HasPrefix(l[1], "tls_key") { // which needs the other
			all = strings.Replace(all, "# tls_cert", "tls_cert", 1)
		}
		if strings.HasPrefix(l[1], "tunnel_command") { // which needs no port
			all = regexp.MustCompile(`(?m)^port .*$`).ReplaceAllString(all, "")
		}
		if _, err := Parse("example.toml", strings.Replace(all, l[0], l[1], 1), 0o600, env); err != nil {
			t.Errorf("%s: %v", l[1], err)
		}
	}
}
