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

// completeMailboxes completes the names of the mailboxes that the accounts' Maildirs are
// of, as patterns, with the roles after them.
func (p *program) completeMailboxes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	names := []string{}
	if cfg, err := p.loadConfig(); err == nil {
		if accounts, err := choose(cfg, args); err == nil {
			for _, a := range accounts {
				names = append(names, local{a}.mailboxNames()...)
			}
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
	cfg, err := p.loadConfig()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, a := range cfg.Accounts {
		if !slices.Contains(given, a.Name) {
			names = append(names, a.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
