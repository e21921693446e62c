package config

import (
	"slices"
	"strings"
	"testing"
)

const oauthStart = "[accounts.work]\nhost = \"h\"\nuser = \"ada\"\nmaildir = \"/m\"\n"

// What a provider is known for is filled in, by protocol; what the user sets wins.
func TestOAuthIsCompleted(t *testing.T) {
	a := parse(t, oauthStart+`auth = "oauth2"
[accounts.work.oauth2]
provider = "microsoft"
client_id = "id"
auth_url = "https://login.microsoftonline.com/mine/oauth2/v2.0/authorize"
`).Accounts[0]
	o := a.OAuth
	if o.AuthURL != "https://login.microsoftonline.com/mine/oauth2/v2.0/authorize" || !strings.Contains(o.TokenURL, "/common/") ||
		o.DeviceURL == "" || o.RedirectHost != "localhost" || !slices.Contains(o.Scopes, "https://outlook.office.com/IMAP.AccessAsUser.All") {
		t.Errorf("%+v", o)
	}
	if !a.Password.None() {
		t.Error("it has a password")
	}
	pop := parse(t, "[defaults]\npassword_file = \"/pw\"\n[defaults.oauth2]\nprovider = \"microsoft\"\nclient_id = \"id\"\n"+
		oauthStart+"protocol = \"pop3\"\nauth = \"oauth2\"\n[accounts.two]\nhost = \"h\"\nuser = \"bob\"\nmaildir = \"/n\"\n")
	if o := pop.Accounts[0].OAuth; !slices.Contains(o.Scopes, "https://outlook.office.com/POP.AccessAsUser.All") || !pop.Accounts[0].Password.None() {
		t.Errorf("%+v", o)
	}
	if two := pop.Accounts[1]; two.OAuth != nil || two.Password.File != "/pw" {
		t.Errorf("%+v", two)
	}
}

// A client of Yahoo's need not have a secret (Thunderbird's has none), so that is not a mistake of the configuration's.
func TestYahooWithoutASecret(t *testing.T) {
	for _, name := range []string{"yahoo", "aol"} {
		parse(t, oauthStart+"auth = \"oauth2\"\n[accounts.work.oauth2]\nprovider = \""+name+"\"\nclient_id = \"id\"\n")
	}
}

// token_command says all, also where the defaults have a password.
func TestTokenCommand(t *testing.T) {
	for _, text := range []string{
		oauthStart + "token_command = [\"~/bin/tok\", \"x\"]\n",
		oauthStart + "auth = \"oauth2\"\ntoken_command = [\"~/bin/tok\", \"x\"]\n",
		"[defaults]\npassword_file = \"/pw\"\n" + oauthStart + "token_command = [\"~/bin/tok\", \"x\"]\n",
	} {
		a := parse(t, text).Accounts[0]
		if a.Auth != "oauth2" || a.OAuth != nil || !a.Password.None() || !slices.Equal(a.Token.Command, []string{"/home/ada/bin/tok", "x"}) || a.Token.Kind() != "token_command" {
			t.Errorf("%+v", a)
		}
	}
}

func TestOAuthProblems(t *testing.T) {
	table := oauthStart + "auth = \"oauth2\"\n[accounts.work.oauth2]\n"
	own := "auth_url = \"https://i/a\"\ntoken_url = \"https://i/t\"\nclient_id = \"id\"\n"
	for text, want := range map[string]string{
		oauthStart + "auth = \"oath2\"\npassword_env = \"X\"\n":                                `c.toml:5: accounts.work.auth: "oath2" is not a value for it|did you mean "oauth2"?`,
		oauthStart + "auth = \"oauth2\"\n":                                                     `c.toml:1: accounts.work: auth = "oauth2" needs a table [accounts.work.oauth2], or token_command|for example: provider = "google", and the client_id that you registered there`,
		table + "provider = \"gogle\"\nclient_id = \"id\"\n":                                   `c.toml:7: accounts.work.oauth2.provider: "gogle" is not a value for it|did you mean "google"?`,
		table + "provider = \"google\"\nclient_id = \"id\"\n":                                  `c.toml:6: accounts.work.oauth2: google wants the client's secret|set client_secret_command, or client_secret in a file that only you can read`,
		table + "provider = \"microsoft\"\n":                                                   `c.toml:6: accounts.work.oauth2: client_id is missing; register a client with the provider, which gives you one|for example: client_id = "1234.apps.example.org"`,
		table + own + "token_uri = \"x\"\n":                                                    `c.toml:10: accounts.work.oauth2.token_uri: unknown key|did you mean "token_url"?`,
		table + own + "device_url = \"http://i.example/d\"\n":                                  `c.toml:10: accounts.work.oauth2.device_url: "http://i.example/d" would send secrets in plain text|use https, or http to this machine alone`,
		table + own + "revoke_url = \"https://ada:pw@i.example/\"\n":                           `c.toml:10: accounts.work.oauth2.revoke_url: "https://ada:pw@i.example/" is not an address for it|write one like "https://login.example.org/token"`,
		table + own + "scopes = [\"a b\"]\n":                                                   `c.toml:10: accounts.work.oauth2.scopes: "a b" is not a scope|write each in quotes of its own`,
		table + own + "scopes = \"a\"\n":                                                       `c.toml:10: accounts.work.oauth2.scopes: wants a list of strings, has a string|for example: scopes = ["https://mail.google.com/"]`,
		table + own + "redirect_port = 70000\n":                                                `c.toml:10: accounts.work.oauth2.redirect_port: 70000 is out of range|it takes 0 to 65535`,
		table + own + "client_secret = \"a\"\nclient_secret_command = [\"b\"]\n":               `c.toml:6: accounts.work.oauth2: has several secrets: client_secret, client_secret_command|keep one of them`,
		table + "auth_url = \"https://i/a\"\nclient_id = \"id\"\n":                             `c.toml:6: accounts.work.oauth2: token_url is missing, and no provider is set|for example: token_url = "https://login.example.org/token"`,
		oauthStart + "password_env = \"X\"\n[accounts.work.oauth2]\n" + own:                    `c.toml:6: accounts.work.oauth2: does nothing with auth = "password"|set auth = "oauth2" in the account`,
		oauthStart + "auth = \"oauth2\"\npassword_env = \"X\"\n[accounts.work.oauth2]\n" + own: `c.toml:6: accounts.work.password_env: a password is not used with auth = "oauth2"|take it out`,
		oauthStart + "auth = \"password\"\ntoken_command = [\"x\"]\n":                          `c.toml:5: accounts.work.auth: "password" takes no token_command|set auth = "oauth2", or take one of them out`,
		oauthStart + "token_command = [\"x\"]\n[accounts.work.oauth2]\n" + own:                 `c.toml:6: accounts.work.oauth2: token_command gets the tokens, so this table does nothing|keep one of them`,
		oauthStart + "password_env = \"X\"\ntoken_command = [\"x\"]\n":                         `c.toml:6: accounts.work: has several passwords: password_env, token_command|keep one of them`,
		oauthStart + "password_env = \"X\"\nclient_id = \"x\"\n":                               `c.toml:6: accounts.work.client_id: unknown key|it belongs into the account's table .oauth2`,
		oauthStart + "auth = \"oauth2\"\noauth2 = true\n":                                      `c.toml:6: accounts.work.oauth2: wants a table|write [accounts.work.oauth2] on a line of its own`,
	} {
		_, err := Parse("c.toml", text, 0o600, env)
		problems, _ := err.(Problems)
		var got []string
		for _, p := range problems {
			got = append(got, p.Error()+"|"+p.Cure)
		}
		if !slices.Contains(got, want) {
			t.Errorf("%s\ngot  %s\nwant %s", text, strings.Join(got, "\n     "), want)
		}
	}
	_, err := Parse("c.toml", table+own+"client_secret = \"hush\"\n", 0o640, env)
	if err == nil || !strings.Contains(err.Error(), "c.toml:10: accounts.work.oauth2.client_secret: group or others can read this file (mode 0640)") || strings.Contains(err.Error(), "hush") {
		t.Errorf("got %v", err)
	}
}
