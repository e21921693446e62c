package report

import (
	"fmt"
	"strings"
)

// Provider is an object "provider" of "providers --json": what is known of one provider's mail.
type Provider struct {
	Type        string   `json:"type"`
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Domains     []string `json:"domains"`
	IMAP        *Served  `json:"imap"` // null where it is not offered or not known
	POP3        *Served  `json:"pop3"`
	Login       string   `json:"login"`
	User        string   `json:"user"` // "address" or "local part"
	OAuth       string   `json:"oauth"`
	Connections int      `json:"connections"`
	MostAllowed int      `json:"connections_allowed"` // 0: not published
	Limits      []string `json:"limits"`
	POP3Is      []string `json:"pop3_behaviour"`
	Exclude     []string `json:"exclude"`
	Setup       []string `json:"setup"`
	Notes       []string `json:"notes"`
	Unknown     []string `json:"unknown"`
	Sources     []Origin `json:"sources"`
}

// Served is where a provider serves a protocol.
type Served struct {
	Host string `json:"host"`
	Port int    `json:"port"`
	TLS  string `json:"tls"`
}

func (s *Served) String() string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%s:%d", s.Host, s.Port)
}

// Origin is where a fact is from, and when it was read there.
type Origin struct {
	URL     string `json:"url"`
	Checked string `json:"checked"`
}

// Providers prints a table of providers.
func (r *Report) Providers(all []Provider) {
	r.mu.Lock()
	defer r.mu.Unlock()
	cells := [][]string{{"name", "provider", "IMAP", "POP3", "log-in"}}
	for _, p := range all {
		if r.opts.JSON {
			r.result(p)
		}
		login := p.Login
		if p.OAuth != "" && login != "OAuth" {
			login += ", OAuth"
		}
		cells = append(cells, []string{p.Name, p.Title, p.IMAP.String(), p.POP3.String(), login})
	}
	if !r.opts.JSON {
		r.result(nil, table(cells)...)
	}
}

// pageWidth is how wide a page of text is, in columns.
const pageWidth = 100

// Provider prints all that is known of one provider.
func (r *Report) Provider(p Provider) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lines := []string{p.Title}
	add := func(label string, texts ...string) {
		for _, text := range texts {
			if text == "" {
				continue
			}
			if len(texts) > 1 {
				text = "- " + text
			}
			lines = append(lines, wrapped(label, text)...)
			label = ""
		}
	}
	add("name", p.Name)
	add("addresses", strings.Join(p.Domains, ", "))
	add("IMAP", served(p.IMAP))
	add("POP3", served(p.POP3))
	add("log-in", p.loginText())
	add("connections", p.connectionsText())
	add("exclude", strings.Join(p.Exclude, ", "))
	add("first", p.Setup...)
	add("limits", p.Limits...)
	add("its POP3", p.POP3Is...)
	add("notes", p.Notes...)
	add("not known", p.Unknown...)
	var sources []string
	for _, s := range p.Sources {
		sources = append(sources, s.Checked+" "+s.URL)
	}
	add("sources", sources...)
	r.result(p, lines...)
}

func served(s *Served) string {
	if s == nil {
		return "not offered, or not known"
	}
	how := "TLS from the first byte"
	if s.TLS == "starttls" {
		how = "STARTTLS"
	}
	return fmt.Sprintf("%s, port %d, %s", s.Host, s.Port, how)
}

func (p Provider) loginText() string {
	text := p.Login
	if p.OAuth != "" {
		if p.Login != "OAuth" {
			text += ", or OAuth"
		}
		text += fmt.Sprintf(" (provider = %q)", p.OAuth)
	}
	if p.User == "address" {
		return text + "; the user is the whole address"
	}
	return text + "; the user is the part before the @"
}

func (p Provider) connectionsText() string {
	text := fmt.Sprint(p.Connections)
	if p.MostAllowed > 0 {
		text += fmt.Sprintf(" of the %d that it allows in all", p.MostAllowed)
	}
	return text
}

// labelWidth is the width of the labels before a page's texts, in columns.
const labelWidth = 13

// wrapped breaks a text into lines, with its label before the first.
func wrapped(label, text string) []string {
	first := fmt.Sprintf("  %-*s", labelWidth, label)
	return strings.Split(Wrap(text, pageWidth, first, strings.Repeat(" ", labelWidth+2)), "\n")
}
