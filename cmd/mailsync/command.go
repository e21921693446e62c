package main

import (
	"slices"
	"time"

	"github.com/spf13/cobra"
)

// flags are the global ones.
type flags struct {
	config  string
	dryRun  bool
	quiet   bool
	verbose int
	json    bool
	wait    time.Duration
	ifFree  bool
	maxTime time.Duration // 0: no limit
	deletes *int          // --max-delete, nil where it is not given
	trace   string        // a file
	logFile string
	shard   shard
}

// Groups of global flags, for uses.
var (
	talks = []string{"quiet", "verbose", "json", "log-file"}
	asks  = slices.Concat(talks, []string{"max-time", "trace"})         // a server
	acts  = slices.Concat(asks, []string{"dry-run", "wait", "if-free"}) // here or there, under the account's lock
	all   = slices.Concat(acts, []string{"max-delete", "shard"})

	asksOfMany = slices.Concat(asks, []string{"shard"}) // of commands that take several accounts
	actsOfMany = slices.Concat(acts, []string{"shard"})
)

// commands builds the command line.
func (p *program) commands() *cobra.Command {
	cobra.EnableCommandSorting = false // below, what is used most is first
	showVersion := false
	root := &cobra.Command{
		Use:   "mailsync",
		Short: "keep local Maildirs in sync with mail servers",
		Long: `mailsync keeps local Maildirs in sync with IMAP and POP3 servers. By default it deletes
nothing, neither here nor on the server.

Start with "mailsync init", which sets an account up; "mailsync demo" needs none.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          unknownCommand,
		RunE: func(*cobra.Command, []string) error {
			if showVersion {
				return p.printVersion()
			}
			return usage("no command given").WithHint(`"mailsync help" lists the commands`)
		},
		PersistentPreRunE: func(c *cobra.Command, args []string) error {
			if c.Name() == cobra.ShellCompRequestCmd {
				p.completeValues(c.Root())
			}
			if err := refuseUseless(c, args); err != nil {
				return err
			}
			return p.openLogs(c)
		},
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	f := root.PersistentFlags()
	f.SortFlags = false
	f.VarP(pathFlag{&p.flags.config, "FILE"}, "config", "c", "read `FILE`, not $MAILSYNC_CONFIG or ~/.config/mailsync/config.toml")
	f.BoolVarP(&p.flags.dryRun, "dry-run", "n", false, "print what would be done, do nothing")
	f.BoolVarP(&p.flags.quiet, "quiet", "q", false, "print errors only")
	f.CountVarP(&p.flags.verbose, "verbose", "v", "``print what is done, a line a mailbox; twice: a line a message")
	f.BoolVar(&p.flags.json, "json", false, "print results as JSON, one object a line")
	f.Var(duration(&p.flags.wait), "wait", "wait this long for an account that another run has locked, e.g. 10m")
	f.BoolVar(&p.flags.ifFree, "if-free", false, "skip an account that another run has locked, without an error")
	f.Var(count(&p.flags.deletes), "max-delete", "allow this many deletions in a mailbox, for this run")
	f.Var(duration(&p.flags.maxTime), "max-time", "stop cleanly after this long; the next run continues")
	f.Var(pathFlag{&p.flags.trace, "FILE"}, "trace", "log the protocol, both directions, to `FILE`, without secrets")
	f.Var(pathFlag{&p.flags.logFile, "FILE"}, "log-file", "append what is done and what fails to `FILE`, as JSON lines; also with --quiet")
	f.Var(p.flags.shard.flag(), "shard", "only the accounts of one of N shards, by their names: 0/4, 1/4, 2/4 or 3/4")
	root.Flags().BoolVarP(&showVersion, "version", "V", false, "print the version")
	root.InitDefaultHelpFlag() // else "mailsync --help sync" takes "sync" for its value
	root.SetFlagErrorFunc(badFlag)
	root.SetHelpCommand(p.helpCommand())
	root.SetHelpFunc(p.help)
	root.AddCommand(p.initCommand(), p.syncCommand(), p.backupCommand(), p.archiveCommand(), p.verifyCommand(), p.restoreCommand(),
		p.statusCommand(), p.listCommand(), p.checkCommand(), p.forgetCommand(), p.providersCommand(),
		p.loginCommand(), p.logoutCommand(),
		p.demoCommand(), p.versionCommand(), p.completionCommand(), configTopic(), exitCodesTopic())
	return root
}

// noArguments refuses arguments.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage("%s takes no arguments, but was given %q", c.CommandPath(), args[0])
	}
	return nil
}
