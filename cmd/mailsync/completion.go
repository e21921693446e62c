package main

import (
	"context"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
)

func (p *program) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "print a completion script for bash, zsh, fish or powershell",
		Long: `completion prints a script for a shell. It completes commands, flags and their values, accounts,
and mailboxes as they are known here; it asks no server.

bash needs its package bash-completion, version 2 or newer, loaded by ~/.bashrc; macOS has an old
bash, without it: "brew install bash bash-completion@2". To try it in one session:

  source <(mailsync completion bash)

zsh needs "autoload -U compinit; compinit" in ~/.zshrc, and a folder of its own in $fpath. Open a
new shell after that.`,
		Example: `mailsync completion bash > ~/.local/share/bash-completion/completions/mailsync
mailsync completion zsh > ~/.zfunc/_mailsync         # fpath=(~/.zfunc $fpath)
mailsync completion fish > ~/.config/fish/completions/mailsync.fish
mailsync completion powershell >> $PROFILE`,
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return []string{"bash", "zsh", "fish", "powershell"}, cobra.ShellCompDirectiveNoFileComp
		},
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

// completeValues has shells complete the values of all flags, by what a flag takes: the words of a choice,
// files, folders, accounts, mailboxes. For anything else nothing is offered, not even a file's name. Only a shell
// that completes needs it.
func (p *program) completeValues(root *cobra.Command) {
	for _, c := range append(root.Commands(), root) {
		flags := c.Flags()
		if c == root {
			flags = root.PersistentFlags()
		}
		flags.VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal != "" {
				return // it takes none
			}
			if complete := p.completer(f); complete != nil {
				_ = c.RegisterFlagCompletionFunc(f.Name, complete) // it fails only for a flag that has one
			}
		})
	}
}

// completer completes the values of a flag; nil: as shells do without us.
func (p *program) completer(f *pflag.Flag) cobra.CompletionFunc {
	other := p.byUsage(f)
	words, ok := f.Value.(interface{ choices() []string })
	if !ok {
		return other
	}
	return func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if all := words.choices(); len(all) > 0 {
			return all, cobra.ShellCompDirectiveNoFileComp
		}
		if other == nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		return other(c, args, begun)
	}
}

// byUsage completes the values of a flag by what its usage calls them.
func (p *program) byUsage(f *pflag.Flag) cobra.CompletionFunc {
	switch what, _ := pflag.UnquoteUsage(f); {
	case f.Name == "config":
		return cobra.FixedCompletions([]string{"toml"}, cobra.ShellCompDirectiveFilterFileExt)
	case what == "DIR":
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	case what == "FILE", what == "PATH", what == "COMMAND":
		return nil
	case what == "ACCOUNT":
		return p.completeAccounts
	case f.Name == "mailbox":
		return p.completeMailboxes
	}
	return cobra.NoFileCompletions
}

// completeMailboxes completes the names of the accounts' mailboxes that are here, as patterns,
// and the roles.
func (p *program) completeMailboxes(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names := []string{}
	for _, a := range p.meantAccounts(c, args) {
		names = append(names, local{a}.mailboxNames(state.RoleMailbox)...)
	}
	for _, role := range config.Roles() {
		names = append(names, "role:"+role)
	}
	slices.Sort(names)
	return slices.Compact(names), cobra.ShellCompDirectiveNoFileComp
}

// meantAccounts are the accounts that an unfinished command line is about; none where that is not clear.
func (p *program) meantAccounts(c *cobra.Command, args []string) []*config.Account {
	if f := c.Flags().Lookup("maildir"); f != nil && f.Changed {
		a, err := config.Bare{Maildir: f.Value.String()}.Account()
		if err != nil || recognize(context.Background(), a) != nil {
			return nil
		}
		return []*config.Account{a}
	}
	cfg, err := p.loadConfig()
	if err != nil {
		return nil
	}
	w, _ := p.choose(cfg, args)
	return w.accounts
}

// completeAccounts completes the names of accounts.
func (p *program) completeAccounts(_ *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if cfg, err := p.loadConfig(); err == nil {
		names = slices.DeleteFunc(accountNames(cfg), func(name string) bool { return slices.Contains(given, name) })
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
