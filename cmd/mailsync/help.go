package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/config"
)

func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | config]",
		Short: "show help about a command, or about the configuration file",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("there is no help about %q", strings.Join(args, " ")).WithHint(`"mailsync help" lists the commands`)
			}
			return about.Help()
		},
	}
}

// help prints the help about a command, or about the program.
func help(c *cobra.Command, _ []string) {
	var b strings.Builder
	about := c.Long
	if about == "" {
		about = c.Short
	}
	b.WriteString(strings.TrimSpace(about) + "\n")
	if c.Runnable() {
		line := c.UseLine()
		if c.HasAvailableSubCommands() {
			line += " COMMAND"
		}
		b.WriteString("\nUsage:\n  " + line + "\n")
	}
	if c.HasAvailableSubCommands() {
		b.WriteString("\nCommands:\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(&b, "  %-*s %s\n", c.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.Runnable() {
		section(&b, "Flags", ownFlags(c))
		section(&b, "Global flags", usedGlobals(c))
	}
	_, _ = fmt.Fprint(c.OutOrStdout(), b.String()) // nobody could read an error
}

func section(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		b.WriteString("\n" + title + ":\n" + flags.FlagUsages())
	}
}

// ownFlags are the flags of one command only.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	return selected(c.Flags(), func(f *pflag.Flag) bool {
		return c.Root().PersistentFlags().Lookup(f.Name) != f && f.Name != "help"
	})
}

// usedGlobals are the global flags that apply to a command.
func usedGlobals(c *cobra.Command) *pflag.FlagSet {
	return selected(c.Root().PersistentFlags(), func(f *pflag.Flag) bool { return usesGlobal(c, f.Name) })
}

// selected are those of some flags that keep accepts, in the order of their definition.
func selected(flags *pflag.FlagSet, keep func(*pflag.Flag) bool) *pflag.FlagSet {
	out := pflag.NewFlagSet("", pflag.ContinueOnError)
	out.SortFlags, flags.SortFlags = false, false
	flags.VisitAll(func(f *pflag.Flag) {
		if keep(f) {
			out.AddFlag(f)
		}
	})
	return out
}

// usesKey is where a command keeps the names of the global flags that apply to it.
const usesKey = "uses"

// uses names the global flags that apply to a command. It refuses the others, and its help does
// not show them; --config may precede every command, because an alias puts it there.
func uses(c *cobra.Command, names ...string) *cobra.Command {
	c.Annotations = map[string]string{usesKey: strings.Join(names, " ")}
	return c
}

// usesGlobal reports whether a global flag applies to a command. All apply to the program itself.
func usesGlobal(c *cobra.Command, name string) bool {
	return !c.HasParent() || name == "config" || slices.Contains(strings.Fields(c.Annotations[usesKey]), name)
}

func (p *program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a completion script for bash, zsh, fish or powershell",
		Long: `completion prints a script that completes commands, flags and the names of accounts:

  source <(mailsync completion bash)`,
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				switch args[0] {
				case "bash":
					return c.Root().GenBashCompletionV2(p.stdout, true)
				case "zsh":
					return c.Root().GenZshCompletion(p.stdout)
				case "fish":
					return c.Root().GenFishCompletion(p.stdout, true)
				case "powershell":
					return c.Root().GenPowerShellCompletionWithDesc(p.stdout)
				}
			}
			return usage("completion takes one shell: bash, zsh, fish or powershell")
		},
	}
}

// completeMailboxes completes the names of the accounts' mailboxes that are here, as patterns,
// and the roles.
func (p *program) completeMailboxes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names := []string{}
	if cfg, err := p.loadConfig(); err == nil {
		accounts, _ := choose(cfg, args)
		for _, a := range accounts {
			names = append(names, local{a}.mailboxNames()...)
		}
	}
	for _, role := range config.Roles() {
		names = append(names, "role:"+role)
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}

// completeAccounts completes the names of accounts.
func (p *program) completeAccounts(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if cfg, err := p.loadConfig(); err == nil {
		names = slices.DeleteFunc(accountNames(cfg), func(name string) bool { return slices.Contains(given, name) })
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// configTopic is the help about the configuration file.
func configTopic() *cobra.Command {
	return &cobra.Command{Use: "config", Short: "the configuration file", Long: strings.TrimSpace(configHelp)}
}

const configHelp = `
mailsync reads --config, else $MAILSYNC_CONFIG, else mailsync/config.toml in $XDG_CONFIG_HOME
(~/.config). A small configuration to begin with:

  [accounts.work]
  host             = "imap.example.org"
  user             = "ada"
  password_command = ["pass", "show", "mail/work"]
  maildir          = "~/Mail/work"

An account also takes
  port, tls ("implicit", "starttls", "none"), tls_ca, tls_pins, insecure
  password_file, password_env, password_keyring, password_credential or password
                     instead of password_command
  include, exclude   mailboxes, e.g. ["INBOX", "Lists/*", "role:junk"]
  flags              "both" ways, "pull" or "none"
  max_size           skip larger messages: "20M"
  delete, delete_bigger_than   with protocol = "pop3": delete from the server what is safely here
  max_delete, connections, compress, timeout, max_wait, complain_after, state_dir
and a table [accounts.work.archive] with the rules for "mailsync archive": its flags, with _ for -.
[defaults] takes the same keys for all accounts. In paths, ~, $VAR and {account} are replaced.
`
