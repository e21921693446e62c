package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"mailsync/cmd/mailsync/ask"
	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/lookup"
	"mailsync/cmd/mailsync/providers"
	"mailsync/cmd/mailsync/report"
	"mailsync/state"
)

// findServer finds the server, or takes it from the flags, and says what has to be done there first.
func (s *setup) findServer(ctx context.Context) (err error) {
	o := s.flags
	switch {
	case o.host != "":
		err = s.givenServer()
	case s.address.Domain == "":
		return usage("--host is missing").WithHint("or give an address, whose server is looked up")
	default:
		err = s.lookServerUp(ctx)
	}
	if err != nil {
		return err
	}
	if s.changed("port") {
		if err := checkPort(strconv.Itoa(o.port)); err != nil {
			return usage("--port %d is not a port", o.port).WithHint("it takes %v", err)
		}
		s.server.Port = o.port
	}
	if o.user != "" {
		if notEmpty(o.user) != nil {
			return usage("--user %q cannot be a user: %w", o.user, notEmpty(o.user))
		}
		s.server.User = o.user
	} else if err := s.askUser(ctx); err != nil {
		return err
	}
	s.exclude = s.rubbish()
	if s.changed("exclude") {
		s.exclude = slices.DeleteFunc(slices.Clone(o.exclude), func(p string) bool { return p == "" })
	}
	if err := s.noPassword(); err != nil {
		return err
	}
	if s.ask == nil && !s.secretGiven() {
		return noSecret(s.server.User)
	}
	if p := s.server.Provider; p != nil {
		s.say("%s", strings.TrimRight(p.Title+". Before the first log-in:\n"+report.Wrapped(p.Setup), "\n"))
	}
	return nil
}

// rubbish is what is left out where nobody says otherwise.
func (s *setup) rubbish() []string {
	if s.draft.Sets("exclude") {
		return s.excludedAlways()
	}
	if p := s.server.Provider; p != nil {
		return p.Exclude
	}
	return []string{"role:junk", "role:trash"}
}

// givenServer is the server that the flags name.
func (s *setup) givenServer() error {
	o := s.flags
	host, err := asciiHost(o.host)
	if err != nil {
		return usage("--host %q is not a host name", o.host).WithHint("the port, the user and the protocol have flags of their own")
	}
	s.server = lookup.Found{Way: lookup.Given, From: "--host", Protocol: "imap", Host: host, TLS: "implicit", User: s.address.Text}
	if o.protocol != "" {
		s.server.Protocol = o.protocol
	}
	if o.tls != "" {
		s.server.TLS = o.tls
	}
	if s.server.Port = o.port; o.port == 0 {
		s.server.Port = config.DefaultPort(s.server.Protocol, s.server.TLS)
	}
	is := providers.Server{Host: host, Port: s.server.Port, TLS: s.server.TLS}
	for _, p := range providers.All() {
		if p.IMAP == is || p.POP3 == is {
			s.server.Provider = &p
			if p.LocalPart {
				s.server.User = s.address.Local
			}
			break
		}
	}
	return nil
}

// lookServerUp looks the server up. What comes from the network is used only if somebody says so.
func (s *setup) lookServerUp(ctx context.Context) error {
	if _, known := providers.Find(s.address.Text); !known {
		s.say("Looking for the servers of %s ...", s.address.Domain)
	}
	found := s.finder.Servers(ctx, s.address)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	o := s.flags
	found = slices.DeleteFunc(found, func(f lookup.Found) bool {
		return o.protocol != "" && f.Protocol != o.protocol || o.tls != "" && f.TLS != o.tls
	})
	switch {
	case len(found) == 0 && s.ask == nil:
		return state.Faultf(state.Usage, "no server of %s was found", s.address.Domain).
			WithHint("your provider's help pages name it: --host HOST, with --protocol, --port and --tls where they are unusual")
	case len(found) == 0:
		s.say("None was found. The provider's help pages name it, often under \"IMAP\".")
		return s.askServer(ctx)
	case found[0].Way == lookup.Preset && s.ask == nil, o.yes && found[0].Vouched(s.address):
		s.server = found[0]
		s.say("Server: %s, user %s", describe(found[0]), found[0].User)
		return nil
	case s.ask == nil && o.yes:
		return state.Faultf(state.Usage, "a server was found outside of %s, by a name server that anybody may have answered for: %s", s.address.Domain, describe(found[0])).
			WithHint("if it is right: --host %s", found[0].Host)
	case s.ask == nil:
		return state.Faultf(state.Usage, "a server was found, but nobody confirmed it: %s", describe(found[0])).
			WithHint("if it is right: --yes, or --host %s", found[0].Host)
	}
	var choices []string
	for _, f := range found {
		choices = append(choices, describe(f))
	}
	q := ask.Question{Title: "Server", Help: "You log in to this server, so it has to be your provider's."}
	n, err := s.ask.One(ctx, q, append(choices, "another one"), 0)
	if err != nil {
		return err
	}
	if n == len(found) {
		return s.askServer(ctx)
	}
	s.server = found[n]
	return nil
}

// at is a server's address.
func at(f lookup.Found) string { return net.JoinHostPort(f.Host, strconv.Itoa(f.Port)) }

// describe is a server for people.
func describe(f lookup.Found) string {
	how := "TLS"
	if f.TLS == "starttls" {
		how = "STARTTLS"
	}
	return fmt.Sprintf("%s at %s, %s (%s)", strings.ToUpper(f.Protocol), at(f), how, f.From)
}

// askServer asks for all of a server.
func (s *setup) askServer(ctx context.Context) error {
	protocols, modes := []string{"imap", "pop3"}, []string{"implicit", "starttls"}
	n, m := max(0, slices.Index(protocols, s.flags.protocol)), max(0, slices.Index(modes, s.flags.tls))
	var err error
	if s.flags.protocol == "" {
		if n, err = s.ask.One(ctx, ask.Question{Title: "Protocol"}, []string{"IMAP: all mailboxes, with flags", "POP3: one mailbox"}, 0); err != nil {
			return err
		}
	}
	checkHost := func(text string) error {
		if _, err := asciiHost(text); err != nil {
			return errors.New("a host name like " + protocols[n] + ".example.org")
		}
		return nil
	}
	host, err := s.ask.Text(ctx, ask.Question{Title: "Host", Check: checkHost}, protocols[n]+"."+s.address.Domain)
	if err != nil {
		return err
	}
	if s.flags.tls == "" {
		if m, err = s.ask.One(ctx, ask.Question{Title: "TLS"}, []string{"with the first byte (usual)", "by STARTTLS"}, 0); err != nil {
			return err
		}
	}
	port := config.DefaultPort(protocols[n], modes[m])
	if s.flags.port == 0 {
		text, err := s.ask.Text(ctx, ask.Question{Title: "Port", Check: checkPort}, strconv.Itoa(port))
		if err != nil {
			return err
		}
		port, _ = strconv.Atoi(text) // it was checked
	}
	host, _ = asciiHost(host) // it was checked
	s.server = lookup.Found{Way: lookup.Given, From: "your answer", Protocol: protocols[n], Host: host, Port: port, TLS: modes[m], User: s.address.Text}
	return nil
}

// asciiHost is a host's name as DNS has it, or an address of IP as it is.
func asciiHost(text string) (string, error) {
	if net.ParseIP(text) != nil {
		return text, nil
	}
	host, err := idna.Lookup.ToASCII(text)
	if err == nil && (host == "" || strings.ContainsAny(host, ":/@[] ")) {
		err = errors.New("it is not a name")
	}
	return host, err
}

func checkPort(text string) error {
	if n, err := strconv.ParseUint(text, 10, 16); err != nil || n == 0 {
		return errors.New("a number from 1 to 65535")
	}
	return nil
}

// askUser asks for the user where it is only a guess.
func (s *setup) askUser(ctx context.Context) (err error) {
	guess := s.server.Way != lookup.Preset
	switch {
	case s.server.User == "" && s.ask == nil:
		return usage("--user is missing").WithHint("or give the address, if that is the user")
	case s.ask != nil && (guess && !s.flags.yes || s.server.User == ""):
		s.server.User, err = s.ask.Text(ctx, ask.Question{Title: "User", Help: "Mostly the whole address.", Check: notEmpty}, s.server.User)
	}
	return err
}

func notEmpty(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errors.New("it must not be empty")
	case strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		return errors.New("it holds what cannot be typed")
	}
	return nil
}

// nameAccount chooses the account's name. An account that is there is never changed.
func (s *setup) nameAccount(ctx context.Context) (err error) {
	o, d := s.flags, s.draft
	s.name = o.account
	if s.name == "" {
		s.name = s.guessName()
	}
	same := d.Same(s.server.Protocol, s.server.Host, s.server.User)
	switch {
	case !config.GoodName(s.name):
		return usage("%q cannot be the name of an account", s.name).WithHint("use letters, digits and . _ + @ -, and begin with a letter or a digit")
	case o.account != "" && d.Has(s.name):
		return isThere(d.Path, s.name)
	case same != nil && o.account == "" && (s.ask == nil || o.yes):
		return isThere(d.Path, same.Name)
	case same != nil:
		s.say("%s has this user of this server already, as the account %q.", d.Path, same.Name)
		again, err := s.yes(ctx, ask.Question{Title: "Set it up again, under another name?"}, o.account != "")
		if err == nil && !again {
			err = isThere(d.Path, same.Name)
		}
		if err != nil {
			return err
		}
	}
	if o.account != "" {
		return nil
	}
	for n, begin := 2, s.name; d.Has(s.name); n++ {
		s.name = fmt.Sprintf("%s-%d", begin, n)
	}
	if s.ask == nil || o.yes {
		return nil
	}
	check := func(text string) error {
		if !config.GoodName(text) {
			return errors.New("letters, digits and . _ + @ -, beginning with a letter or a digit")
		}
		if d.Has(text) {
			return errors.New("that name is taken")
		}
		return nil
	}
	s.name, err = s.ask.Text(ctx, ask.Question{Title: "Name of the account", Help: `You write it in commands: "mailsync sync NAME".`, Check: check}, s.name)
	return err
}

// yes asks, and where nobody is asked, or everything is accepted, goes on as otherwise says.
func (s *setup) yes(ctx context.Context, q ask.Question, otherwise bool) (bool, error) {
	if s.ask == nil || s.flags.yes {
		return otherwise, nil
	}
	return s.ask.Yes(ctx, q, otherwise)
}

func isThere(path, name string) error {
	return usage("%s has an account %q already, which is not changed", path, name).
		WithHint("change it in that file, or choose another name with --account; \"mailsync check %s\" tests it", name)
}

// guessName is a short name: the provider's, or the domain's first label that is no service.
func (s *setup) guessName() string {
	if p := s.server.Provider; p != nil && slices.Contains(p.Domains, s.address.Domain) {
		return p.Name
	}
	domain := s.address.Domain
	if domain == "" {
		domain = s.server.Host
	}
	if net.ParseIP(domain) != nil {
		return "mail"
	}
	if unicode, err := idna.ToUnicode(domain); err == nil {
		domain = unicode
	}
	labels := strings.Split(domain, ".")
	for len(labels) > 2 && slices.Contains([]string{"imap", "pop", "pop3", "mail", "mx", "www"}, labels[0]) {
		labels = labels[1:]
	}
	if !config.GoodName(labels[0]) {
		return "mail"
	}
	return labels[0]
}
