package config

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// How a server is reached: each set of lines is put into an otherwise good account.
func TestWaysToAServer(t *testing.T) {
	for _, c := range []struct {
		lines, want string // "" is right
		mode        uint32 // of the file, 0: 0600
	}{
		{lines: `proxy = "socks5://127.0.0.1"`},
		{lines: `proxy = "socks5h://[::1]:9050/"`},
		{lines: `proxy = "socks5://ada:hu%40sh@proxy.example.org:1080"`},
		{lines: `proxy = "socks5://ada:hush@proxy.example.org:1080"`, mode: 0o640,
			want: `proxy: holds a password, and group or others can read this file (mode 0640) | chmod 600 c.toml`},
		{lines: `proxy = "socks5://proxy.example.org:1080"`, mode: 0o644},
		{lines: `proxy = "http://ada:hush@proxy.example.org:1080"`, want: `proxy: "http" is not a kind of proxy that is known | write "socks5://host:port"`},
		{lines: `proxy = "ada:hush@proxy.example.org"`, want: `proxy: is not the URL of a proxy | write "socks5://host:port"`},
		{lines: `proxy = "socks5://ada:hush@proxy.example.org:port"`, want: `proxy: is not the URL of a proxy | write "socks5://host:port"`},
		{lines: `proxy = "socks5://ada:hush@proxy.example.org:0"`, want: `proxy: its port is not a number from 1 to 65535`},
		{lines: `proxy = "socks5://ada@proxy.example.org"`, want: `proxy: has a user without a password, or none`},
		{lines: `proxy = "socks5://ada:hush@proxy.example.org/x"`, want: `proxy: is not a host and a port`},
		{lines: `proxy = "socks5://"`, want: `proxy: is not a host and a port`},
		{lines: "proxy = \"socks5://127.0.0.1\"\ntls = \"none\"", want: `tls: "none" would send the password to imap.example.org in plain text`},
		{lines: "proxy = \"socks5://127.0.0.1\"\ntls = \"none\"\ninsecure = true"},
		{lines: `tunnel_command = ["ssh", "-q", "mail.example.org", "imapd"]`},
		{lines: "tunnel_command = [\"ssh\"]\ntls = \"none\""},
		{lines: `tunnel_command = []`, want: `tunnel_command: names no program`},
		{lines: `tunnel_command = "ssh"`, want: `tunnel_command: wants a list of strings, has a string | for example: tunnel_command = ["ssh"`},
		{lines: "tunnel_command = [\"ssh\"]\nproxy = \"socks5://127.0.0.1\"", want: `tunnel_command: needs no proxy, and proxy is set | keep one of the two`},
		{lines: "tunnel_command = [\"ssh\"]\nport = 993", want: `port: does not apply with tunnel_command, whose program connects | take it out`},
		{lines: `tls_cert = "~/own.pem"`},
		{lines: "tls_cert = \"~/own.pem\"\ntls_key = \"~/own.key\""},
		{lines: `tls_key = "~/own.key"`, want: `tls_key: is set without tls_cert | set tls_cert`},
		{lines: "tls_cert = \"~/own.pem\"\ntls = \"none\"\ninsecure = true", want: `tls: "none" uses no certificate, and tls_ca, tls_pins or tls_cert is set`},
	} {
		mode := c.mode
		if mode == 0 {
			mode = 0o600
		}
		_, err := Parse("c.toml", good+c.lines+"\n", fs.FileMode(mode), env)
		var got []string
		if problems, ok := errors.AsType[Problems](err); ok {
			for _, p := range problems {
				got = append(got, strings.TrimPrefix(p.Key, "accounts.work.")+": "+p.What+" | "+p.Cure)
			}
		}
		text := strings.Join(got, "\n")
		if (c.want == "") != (text == "") || !strings.HasPrefix(text, c.want) || len(got) > 1 || strings.Contains(text, "hush") {
			t.Errorf("%s\ngot  %s\nwant %s", c.lines, text, c.want)
		}
	}
}

// Whoever has a tunnel may need no password: the server greets with PREAUTH.
func TestATunnelNeedsNoPassword(t *testing.T) {
	text := strings.Replace(good, "password_env", "# password_env", 1)
	if _, err := Parse("c.toml", text, 0o600, env); err == nil {
		t.Error("an account without a password is right")
	}
	c, err := Parse("c.toml", text+"tunnel_command = [\"~/bin/way\"]\n", 0o600, env)
	if err != nil || !c.Accounts[0].Password.None() || c.Accounts[0].TunnelCommand[0] != "/home/ada/bin/way" {
		t.Errorf("%+v, %v", c, err)
	}
}
