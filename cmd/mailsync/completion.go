package main

import (
	"slices"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
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
