package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | config]",
		Short: "tell about a command, or about the configuration file",
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
	_, _ = fmt.Fprint(c.OutOrStdout(), b.String()) // there is nobody left to tell
}

func section(b *strings.Builder, title string, flags *pflag.FlagSet) {
	if flags.HasAvailableFlags() {
		b.WriteString("\n" + title + ":\n" + flags.FlagUsages())
	}
}

// ownFlags are the flags that a command alone has, in the order of their making.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	own := pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags = false
	c.Flags().SortFlags = false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if c.Root().PersistentFlags().Lookup(f.Name) != f && f.Name != "help" {
			own.AddFlag(f)
		}
	})
	return own
}

// usesKey is where a command keeps the names of the global flags it has a use for.
const usesKey = "uses"

// uses names the global flags that a command has a use for. The others are refused on
// its command line and absent from its help; --config may stand before every command, for
// that is where an alias puts it.
func uses(c *cobra.Command, names ...string) *cobra.Command {
	if c.Annotations == nil {
		c.Annotations = map[string]string{}
	}
	c.Annotations[usesKey] = strings.Join(append(names, strings.Fields(c.Annotations[usesKey])...), " ")
	return c
}

// usesGlobal reports whether a command has a use for a global flag. The program itself
// has for all.
func usesGlobal(c *cobra.Command, name string) bool {
	return !c.HasParent() || name == "config" || slices.Contains(strings.Fields(c.Annotations[usesKey]), name)
}

// usedGlobals are the global flags a command has a use for, in the order of their making.
func usedGlobals(c *cobra.Command) *pflag.FlagSet {
	used := pflag.NewFlagSet("", pflag.ContinueOnError)
	used.SortFlags = false
	c.Root().PersistentFlags().VisitAll(func(f *pflag.Flag) {
		if usesGlobal(c, f.Name) {
			used.AddFlag(f)
		}
	})
	return used
}

// refuseUseless refuses global flags that the command has no use for: ignored ones
// would let the user believe that they did something.
func refuseUseless(c *cobra.Command, _ []string) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if err == nil && c.Root().PersistentFlags().Lookup(f.Name) == f && !usesGlobal(c, f.Name) {
			err = usage("%s has no use for --%s", c.CommandPath(), f.Name).
				WithHint(`"%s --help" lists the flags`, c.CommandPath())
		}
	})
	return err
}

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(p.stdout, "mailsync %s (%s, %s/%s)\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// version is the module's version as the go command recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// configTopic is the help about the configuration file.
func configTopic() *cobra.Command {
	return &cobra.Command{Use: "config", Short: "the configuration file", Long: strings.TrimSpace(configHelp)}
}

const configHelp = `
The configuration is --config, else $MAILSYNC_CONFIG, else mailsync/config.toml in
$XDG_CONFIG_HOME (~/.config). A small one to begin with:

  [accounts.work]
  host             = "imap.example.org"
  user             = "ada"
  password_command = ["pass", "show", "mail/work"]
  maildir          = "~/Mail/work"

An account also takes
  port, tls ("implicit", "starttls", "none"), tls_ca, tls_pins, insecure
  password_file, password_env, password_keyring or password instead of password_command
  include, exclude   mailboxes, as ["INBOX", "Lists/*", "role:junk"]
  flags              "both" ways, "pull" or "none"
  max_size           larger messages stay on the server: "20M"
  delete, delete_bigger_than   with protocol = "pop3": what is safely here goes from the server
  max_delete, connections, compress, timeout, max_wait, complain_after, state_dir
and a table [accounts.work.archive] with the rules for "mailsync archive": its flags, with _ for -,
and [defaults] takes the same keys for all accounts. In paths, ~, $VAR and {account} are
replaced.
`
