package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/lookup"
	"mailsync/cmd/mailsync/report"
)

// initFlags are the flags of "init".
type initFlags struct {
	account, address, protocol, host, tls, user, maildir string
	port                                                 int
	passwordFile, passwordCommand                        string
	keyring, yes                                         bool
	exclude, pins                                        []string
	tlsCA                                                string
}

func (p *program) initCommand() *cobra.Command {
	o := &initFlags{}
	c := &cobra.Command{
		Use:   "init [ADDRESS]",
		Short: "set an account up: find its server, test the log-in, write the configuration",
		Long: `init asks for an address, finds its server (by what is known of its provider, the domain's autoconfig
file, SRV records, or the mail exchanger), asks for the password, logs in, shows the mailboxes, and
adds the account to the configuration, whose other lines stay as they are. Nothing is written unless the
log-in worked. The password goes into the keyring or a file that only you can read.
Without a terminal nothing is asked, and flags say it all.`,
		Example: `mailsync init ada@example.org
mailsync init ada@example.org --host mx.example.org --password-file pw --yes`,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("init takes one address, but was given %q too", args[1])
			}
			return p.setUp(c, o, args)
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&o.account, "account", "", "the account's `NAME` in the configuration")
	f.StringVar(&o.address, "address", "", "the `ADDRESS`, as the argument")
	f.Var(word(&o.protocol, "PROTOCOL", "imap", "pop3"), "protocol", "imap or pop3; by default what the server has, IMAP first")
	f.StringVar(&o.host, "host", "", "the server's `HOST`; then nothing is looked up")
	f.IntVar(&o.port, "port", 0, "its port `N`, if it is not the usual one")
	f.Var(word(&o.tls, "MODE", "implicit", "starttls", "none"), "tls", "implicit, starttls, or none, which is for this machine only")
	f.Var(pathFlag{&o.tlsCA, "FILE"}, "tls-ca", "a PEM `FILE` of more trusted roots")
	f.StringArrayVar(&o.pins, "tls-pin", nil, "a trusted key, `sha256/...`, whoever signed it; may be repeated")
	f.StringVar(&o.user, "user", "", "the `USER`, if it is not the address")
	f.Var(pathFlag{&o.passwordFile, "FILE"}, "password-file", "the password is the first line of `FILE`")
	f.StringVar(&o.passwordCommand, "password-command", "", "a `COMMAND` whose first line of output is the password")
	f.BoolVar(&o.keyring, "keyring", false, "the password is in the keyring, or is put there")
	f.Var(pathFlag{&o.maildir, "DIR"}, "maildir", "the `DIR` for its mail, by default ~/Mail/NAME")
	f.StringArrayVar(&o.exclude, "exclude", nil, "leave out mailboxes that match `PATTERN`, by default role:junk and role:trash; may be repeated, \"\" leaves out none")
	f.BoolVar(&o.yes, "yes", false, "take what was found, and ask only for what is missing; an untrusted certificate is still refused")
	return uses(c, "quiet", "verbose", "log-file", "dry-run", "trace")
}

// word is a flag that takes one of some words.
func word(at *string, what string, words ...string) choice {
	return choice{value{what, func(text string) error {
		for _, w := range words {
			if text == w {
				*at = text
				return nil
			}
		}
		return fmt.Errorf("%q is not a value for it; it takes %s", text, strings.Join(words, " or "))
	}}, func() []string { return words }}
}

// setup is one account that is being set up: what is known of it so far.
type setup struct {
	program *program
	flags   *initFlags
	changed func(flag string) bool
	ask     ask.Asker // nil: there is nobody to ask
	finder  *lookup.Finder
	report  *report.Report
	session *session
	draft   *config.Draft

	address lookup.Address // zero: the server and the user were given without one
	server  lookup.Found
	pins    []string
	name    string
	maildir string // "" where the defaults have one
	exclude []string
	secret  credential
}

// setUp sets an account up.
func (p *program) setUp(c *cobra.Command, o *initFlags, args []string) error {
	r := report.New(report.Options{Out: p.stdout, Err: p.stderr, Quiet: p.flags.quiet})
	defer r.Close()
	if o.tlsCA != "" {
		if abs, err := filepath.Abs(o.tlsCA); err == nil {
			o.tlsCA = abs
		}
	}
	traced, err := openTrace(p.flags.trace)
	if err != nil {
		return err
	}
	s := &setup{program: p, flags: o, changed: c.Flags().Changed, ask: p.asker(), finder: lookup.New(), report: r, pins: o.pins}
	if p.finder != nil {
		s.finder = p.finder
	}
	s.session = &session{task: task{name: "init"}, flags: p.flags, report: r, log: p.log(r), logs: &p.logs, trace: traced}
	err = s.run(c.Context(), args)
	if bad := traced.close(); err == nil {
		err = bad
	}
	return err
}

// asker is who is asked: the person at the terminal, if there is one.
func (p *program) asker() ask.Asker {
	if p.answers != nil {
		return p.answers
	}
	out, ok := p.stderr.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return ask.New(os.Stdin, out, terminalSize(out) != nil && os.Getenv("ACCESSIBLE") == "")
}

// run takes the steps in the order in which a person knows the answers. Nothing is written before the last.
func (s *setup) run(ctx context.Context, args []string) error {
	for _, step := range []func(context.Context) error{
		func(context.Context) error { return s.readConfig() },
		func(ctx context.Context) error { return s.readAddress(ctx, args) },
		s.findServer, s.nameAccount, s.chooseFolder, s.meetServer, s.chooseSecret, s.logIn, s.keepSecret, s.write,
	} {
		if err := step(ctx); err != nil {
			s.discard(ctx)
			return err
		}
	}
	return nil
}

// say tells the person something; it is not the result.
func (s *setup) say(format string, args ...any) { s.report.Talk(fmt.Sprintf(format, args...)) }

// readConfig reads the configuration that is added to. One with mistakes is not.
func (s *setup) readConfig() error {
	path, err := config.Path(s.program.flags.config, os.Getenv)
	if err != nil {
		return err
	}
	s.draft, err = config.OpenDraft(path, os.Getenv)
	if problems, ok := err.(config.Problems); ok {
		return append(problems, config.Problem{File: path, What: "has mistakes, so no account is added", Cure: "correct them first"})
	}
	if err != nil || s.program.flags.dryRun {
		return err
	}
	real := path
	if at, err := filepath.EvalSymlinks(path); err == nil {
		real = at
	}
	if real, err = filepath.Abs(real); err == nil {
		_, err = existing(filepath.Dir(real)) // before somebody answers a dozen questions
	}
	return err
}

// readAddress takes the address from the arguments, or asks.
func (s *setup) readAddress(ctx context.Context, args []string) (err error) {
	o, text := s.flags, s.flags.address
	if len(args) == 1 {
		if text != "" && text != args[0] {
			return usage("two addresses: %q, and --address %q", args[0], text)
		}
		text = args[0]
	}
	switch {
	case text != "":
		if s.address, err = lookup.Parse(text); err != nil {
			return usage("%q is not an address: %w", text, err).
				WithHint("write one like ada@example.org; for an account without one, --host and --user")
		}
	case o.host != "" && o.user != "":
		if a, err := lookup.Parse(o.user); err == nil {
			s.address = a
		}
	case s.ask == nil:
		missing := "an address (or --host and --user)"
		if !s.secretGiven() {
			missing += ", and a password (--password-command, --password-file, or --keyring)"
		}
		return usage("there is no terminal to ask at, and this is missing: %s", missing)
	default:
		check := func(text string) error { _, err := lookup.Parse(text); return err }
		if text, err = s.ask.Text(ctx, ask.Question{Title: "E-mail address", Check: check}, ""); err == nil {
			s.address, err = lookup.Parse(text)
		}
	}
	return err
}

// tries is how often somebody may try to log in: servers count.
const tries = 4

// secretGiven reports whether a flag says where the password is.
func (s *setup) secretGiven() bool {
	return s.changed("password-file") || s.changed("password-command") || s.flags.keyring
}
