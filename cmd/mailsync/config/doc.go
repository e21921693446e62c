package config

import (
	"errors"
	"os"
	"strings"
	"sync"
)

// Doc is what the help says about a key.
type Doc struct {
	Name    string
	Kind    string // what a value is: "duration", or the words that it may be
	Default string // as TOML, "" where there is none
	Example string // a right value
	Only    string // the protocol that it is for, "" for both
	Meaning string // one line
}

// Section is the help about the keys of one table.
type Section struct {
	Table string // as a file has it
	About string // when it is needed, "" always
	Keys  []Doc
}

// Sections is the help about every key, in the order of keys.go.
func Sections() []Section {
	a := fresh("work")
	sections := []Section{
		{Table: "[accounts.NAME], or [defaults] for all accounts", Keys: docs(accountKeys(a), "")},
		{Table: "[accounts.NAME.archive], or [defaults.archive]", About: `what "mailsync archive" moves off the server; its flags have the same names`,
			Keys: docs(archiveKeys(a.archive()), "archive.")},
		{Table: "[accounts.NAME.oauth2], or [defaults.oauth2]", About: `where "mailsync login" gets its tokens, with auth = "oauth2"`,
			Keys: docs(oauthKeys(a.oauth()), "oauth2.")},
	}
	return sections
}

func docs(keys []key, table string) []Doc {
	out := make([]Doc, len(keys))
	for i, k := range keys {
		m := meanings()[table+k.name]
		out[i] = Doc{Name: k.name, Kind: kindOf(k), Default: m.value, Example: k.example, Only: k.only, Meaning: m.text}
	}
	return out
}

// kindOf finds out what a key takes, from what it says about values that it does not take.
func kindOf(k key) string {
	r := &reading{account: fresh("work"), env: os.Getenv}
	wrong, ok := errors.AsType[wrongType](k.read(r, map[string]any{}))
	if !ok {
		return ""
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(wrong.want, "a "), " in quotes")
	if kind != "string" {
		return kind
	}
	err := k.read(r, "?")
	if err == nil {
		return kind
	}
	if _, words, ok := strings.Cut(err.Error(), "; it takes "); ok {
		return words
	}
	if strings.Contains(err.Error(), "the directory mailsync is started in") {
		return "path"
	}
	return kind
}

// Words are the words that a key of an account's table takes, nil where it takes others too.
func Words(table, name string) (words []string) {
	if table == "archive" && name == "keep" {
		return []string{"flagged", "unread", "flagged,unread"} // as a flag writes a list
	}
	for _, s := range Sections() {
		for _, k := range s.Keys {
			if k.Name == name && strings.HasPrefix(s.Table, "[accounts.NAME."+table+"]") && strings.HasPrefix(k.Kind, `"`) {
				for i, word := range strings.Split(k.Kind, `"`) {
					if i%2 == 1 { // in quotes
						words = append(words, word)
					}
				}
			}
		}
	}
	return words
}

// meaning is a key's default, as TOML, and what it is for.
type meaning struct{ value, text string }

// meanings has every key: of an account by its name, of another table with that in front.
var meanings = sync.OnceValue(func() map[string]meaning {
	return map[string]meaning{
		"protocol":       {`"imap"`, "how the server is asked"},
		"host":           {"", "the server's name or address"},
		"port":           {"", `993, POP3 995; with "starttls" or "none" 143, POP3 110`},
		"tls":            {`"implicit"`, `TLS from the first byte, by STARTTLS, or not at all`},
		"tls_ca":         {"", "a PEM file of more trusted roots"},
		"tls_pins":       {"", "trusted keys, whoever signed them; an error shows the server's own"},
		"tls_cert":       {"", "a client certificate, as a PEM file"},
		"tls_key":        {"", "its key, as a PEM file; by default in tls_cert too"},
		"proxy":          {"", "a SOCKS5 proxy, which also looks the host up"},
		"tunnel_command": {"", "a program and its arguments whose stdin and stdout are the server"},
		"user":           {"", "the name to log in with, often the address"},
		"insecure":       {"false", `allow tls = "none" to other machines than this one`},

		"auth":                {`"password"`, "how to log in; oauth2 for Google, Microsoft and others"},
		"token_command":       {"", "a program and its arguments that print an access token"},
		"password_command":    {"", "a program and its arguments; no shell; its first line of output"},
		"password_file":       {"", "a file that only you can read; its first line"},
		"password_env":        {"", "the name of a variable"},
		"password_credential": {"", "a credential of systemd, in $CREDENTIALS_DIRECTORY"},
		"password_keyring":    {"false", `the keyring, service "mailsync", user name USER@HOST`},
		"password":            {"", "the password itself, if only you can read the configuration"},

		"maildir":          {"", "the folder of the account's Maildirs; {account} is its name"},
		"state_dir":        {"", "the folder of state and lock, by default one in maildir"},
		"layout":           {`"fs"`, "folders in folders, or side by side as Dovecot and Courier have them"},
		"include":          {`["*"]`, "mailboxes: * any text, % any text of one level, role:sent a role"},
		"exclude":          {"[]", `mailboxes to skip, e.g. ["Lists/*", "role:junk"]; wins over include`},
		"connections":      {"3", "how many at once"},
		"host_connections": {"", "how many at once to this host, over all of its accounts; by default 16"},
		"compress":         {`"auto"`, "compress what is sent; auto: not to this machine itself"},
		"timeout":          {`"60s"`, "how long to wait for a server that sends nothing"},
		"max_wait":         {`"10m"`, `how long to wait in all for a server that says "try again later"`},
		"complain_after":   {`"0s"`, "with --quiet, how long an unreachable server is no error"},

		"flags":            {`"both"`, "sync flags both ways, only from the server, or not at all"},
		"on_server_delete": {`"keep"`, "expunged there: keep the file here, or move it to the trash"},
		"on_disk_delete":   {`"keep"`, "removed here: keep the server's message, or expunge it"},
		"append":           {"false", "upload files that mail programs put here, and move what they move"},
		"max_delete":       {"100", "hold back a run's deletions in a mailbox if there are more"},
		"trash_keep":       {`"30d"`, "how long removed files stay in the trash"},
		"max_size":         {`"0"`, "skip larger messages; 0: none"},

		"delete":             {`"never"`, "when to delete on the server what is safely here"},
		"delete_bigger_than": {`"0"`, "delete larger messages as soon as they are safely here; 0: none"},

		"archive.older_than":         {"", "archive what is older"},
		"archive.until_quota":        {"", `archive the oldest until less than this is used, e.g. "80%"`},
		"archive.larger_than":        {`"0"`, "archive only what is larger"},
		"archive.never_younger_than": {`"30d"`, "keep what is younger, whatever the quota"},
		"archive.keep":               {`["flagged", "unread"]`, "messages that stay on the server"},
		"archive.copied_before":      {"", "archive only what was here when this file was last changed"},
		"archive.into":               {"", "move files there; {year}, {month} and {mailbox} are replaced"},
		"archive.via":                {`"auto"`, "expunge in place, or by the server's trash; auto: as it can"},
		"archive.quota":              {"", "the quota of a server that does not report it"},

		"oauth2.provider":              {"", "a provider that is known; with it, only client_id is needed"},
		"oauth2.auth_url":              {"", "where the browser asks for permission"},
		"oauth2.token_url":             {"", "where tokens are given out and renewed"},
		"oauth2.device_url":            {"", "where codes for --device are given out"},
		"oauth2.revoke_url":            {"", "where tokens are revoked"},
		"oauth2.scopes":                {"", "what is asked for"},
		"oauth2.client_id":             {"", "the id of your own client, from the provider's web page"},
		"oauth2.client_secret":         {"", "its secret, if only you can read the configuration"},
		"oauth2.client_secret_command": {"", "a program and its arguments that print the secret"},
		"oauth2.redirect_port":         {"0", "the port on this machine that the browser returns to; 0: any"},
	}
})
