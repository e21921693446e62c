package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
)

// configTopic is the help about the configuration file.
func configTopic() *cobra.Command {
	return &cobra.Command{Use: "config", Short: "the configuration: where it is, and every key"}
}

// made are texts of help that are made when they are asked for: every run builds the commands, and no more than it needs.
var made = map[string]func() string{"config": configHelp, "exit-codes": exitCodesHelp}

const configIntro = `mailsync reads --config, else $MAILSYNC_CONFIG, else mailsync/config.toml in $XDG_CONFIG_HOME
(~/.config). The file is TOML. A small one to begin with:

  [accounts.work]
  host             = "imap.example.org"
  user             = "ada"
  password_command = ["pass", "show", "mail/work"]
  maildir          = "~/Mail/work"

"mailsync check" tests it. Every mistake in it is reported with its line and a cure. A duration
is "90s", "10m", "6h", "14d", "8w" or "1y", a size "300K", "20M" or "1.5G". In paths, ~, $VAR and
{account} are replaced. An account needs host, user, maildir and a password.

include = ["accounts.d/*.toml"], above the first table, reads more files with [accounts.NAME]. One
with a mistake fails alone.
`

// configHelp is that topic's text: every key with what it takes, its default and what it is for.
func configHelp() string {
	var b strings.Builder
	b.WriteString(configIntro)
	for _, s := range config.Sections() {
		b.WriteString("\n" + s.Table)
		if s.About != "" {
			b.WriteString(":\n" + s.About)
		}
		b.WriteString("\n")
		for _, k := range s.Keys {
			takes := k.Kind
			switch {
			case k.Default != "":
				takes += "; default " + k.Default
			case k.Example != "":
				takes += ", e.g. " + k.Example
			}
			if k.Only != "" {
				takes += "; " + strings.ToUpper(k.Only) + " only"
			}
			column := strings.Repeat(" ", 22)
			b.WriteString("\n" + report.Wrap(takes, helpWidth, fmt.Sprintf("  %-19s ", k.Name), column))
			b.WriteString("\n" + report.Wrap(k.Meaning, helpWidth, "      ", "      ") + "\n")
		}
	}
	return b.String()
}

// exitCodes are the exit codes, and what they mean.
var exitCodes = []struct {
	code    int
	meaning string
}{
	{0, "done, also where there was nothing to do"},
	{1, "several kinds of failure, or one without a code of its own"},
	{2, "a mistake on the command line or in the configuration"},
	{3, "another run has locked the account: --wait, --if-free"},
	{4, "log-in refused, or no password"},
	{5, "server not reachable, timed out, or asked to try again later"},
	{6, "the brake held deletions back: --max-delete"},
	{7, "verify found differences, or the copy is incomplete"},
	{8, "local storage: disk full, not permitted, not mounted, of another program"},
	{130, "interrupted (SIGINT); the state is clean"},
	{143, "terminated (SIGTERM); the state is clean"},
}

// exitCodesTopic is the help about exit codes.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "what the exit codes mean"}
}

// exitCodesHelp is that topic's text.
func exitCodesHelp() string {
	var b strings.Builder
	b.WriteString("One kind of failure gives its code, whether or not the rest was done.\n\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.meaning)
	}
	b.WriteString("\nWith --json, the field \"status\" of an account is \"ok\", \"partial\" or \"failed\", and \"errors\" has all failures.\n")
	return b.String()
}
