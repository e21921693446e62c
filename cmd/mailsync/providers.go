package main

import (
	"strings"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/providers"
	"mailsync/cmd/mailsync/report"
)

func (p *program) providersCommand() *cobra.Command {
	return uses(&cobra.Command{
		Use:   "providers [NAME]",
		Short: "show what is known of mail providers",
		Long: `providers lists the mail providers that mailsync knows, with their servers and the log-in that they
want. With a name, a domain or an address it prints all that is known of one: servers, limits, what to
do before the first log-in, what to know about its POP3, and the sources, with their dates. It asks nobody.`,
		Example: "mailsync providers\nmailsync providers ada@gmx.de",
		RunE:    func(_ *cobra.Command, args []string) error { return p.showProviders(args) },
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return providers.Names(), cobra.ShellCompDirectiveNoFileComp
		},
	}, "quiet", "json")
}

func (p *program) showProviders(args []string) error {
	r := p.report()
	defer r.Close()
	switch len(args) {
	case 0:
		var all []report.Provider
		for _, known := range providers.All() {
			all = append(all, shown(known))
		}
		r.Providers(all)
		return nil
	case 1:
	default:
		return usage("providers takes one name, but was given %q too", args[1])
	}
	known, ok := providers.Find(args[0])
	if !ok {
		return usage("nothing is known of %q", args[0]).WithHint("%s", config.Guess(strings.ToLower(args[0]), providers.Names()))
	}
	r.Provider(shown(known))
	return nil
}

// shown is a provider as the report has it.
func shown(p providers.Provider) report.Provider {
	out := report.Provider{
		Type: "provider", Name: p.Name, Title: p.Title, Domains: texts(p.Domains), IMAP: served(p.IMAP), POP3: served(p.POP3),
		Login: string(p.Login), User: "address", OAuth: p.OAuth, Connections: p.Connections, MostAllowed: p.MostAllowed,
		Limits: texts(p.Limits), POP3Is: texts(p.POP3Is), Exclude: texts(p.Exclude), Setup: texts(p.Setup), Notes: texts(p.Notes), Unknown: texts(p.Unknown),
		Sources: []report.Origin{},
	}
	if p.LocalPart {
		out.User = "local part"
	}
	for _, s := range p.Sources {
		out.Sources = append(out.Sources, report.Origin(s))
	}
	return out
}

// texts is never null in JSON.
func texts(all []string) []string { return append([]string{}, all...) }

func served(s providers.Server) *report.Served {
	if !s.Known() {
		return nil
	}
	return new(report.Served(s))
}
