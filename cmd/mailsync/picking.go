package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/sync/port"
)

// picking is the flag --mailbox: which of the mailboxes a run is about. It remembers what its
// patterns matched, in all accounts, because one that matches nothing is a mistake.
type picking struct {
	patterns []config.Pattern

	mu       sync.Mutex
	matched  map[string]bool   // by pattern
	excluded map[string]string // by pattern: the first name that matches and that the configuration excludes
	names    map[string]bool   // of included mailboxes, whether a pattern matched or not
	accounts int               // whose mailboxes are known
}

// flag gives a command the flag --mailbox.
func (p *picking) flag(c *cobra.Command) {
	p.matched, p.excluded, p.names = map[string]bool{}, map[string]string{}, map[string]bool{}
	c.Flags().Var(value{"PATTERN", p.add}, "mailbox", "only mailboxes that match, e.g. INBOX, 'Lists/*' or role:sent; may be repeated")
}

func (p *picking) add(text string) error {
	pattern, err := config.ParsePattern(text)
	if err == nil {
		p.patterns = append(p.patterns, pattern)
	}
	return err
}

// given reports whether there is a pattern at all.
func (p *picking) given() bool { return len(p.patterns) > 0 }

// match reports whether a mailbox is picked. Without a pattern all are.
func (p *picking) match(levels []string, role string) bool { return p.among(levels, role, true) }

// narrow limits a run to what is picked of the mailboxes that it would be about.
func (p *picking) narrow(account *port.Account) {
	include := account.Include
	account.Include = func(l state.Listed) bool { return p.among(l.Levels, l.Role, include(l)) }
}

// among is match for a mailbox that the configuration may exclude.
func (p *picking) among(levels []string, role string, included bool) bool {
	if !p.given() {
		return included
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name, picked := strings.Join(levels, "/"), false
	for _, pattern := range p.patterns {
		switch {
		case !pattern.Match(levels, role):
		case included:
			p.matched[pattern.String()], picked = true, true
		default:
			if was, known := p.excluded[pattern.String()]; !known || name < was {
				p.excluded[pattern.String()] = name
			}
		}
	}
	if included {
		p.names[name] = true
	}
	return picked
}

// known notes that all mailboxes of an account were matched.
func (p *picking) known(result *port.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if result.Fatal == nil {
		p.accounts++
	}
}

// missed returns an error for each pattern that matched nothing in any of so many accounts: what it
// should have done was not done. It returns none while an account's mailboxes are not known.
func (p *picking) missed(accounts int) (wrong []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.accounts < accounts {
		return nil
	}
	for _, pattern := range p.patterns {
		text := pattern.String()
		if !p.matched[text] {
			p.matched[text] = true // reported once, however often it is given
			wrong = append(wrong, usage("no mailbox matches --mailbox %q", text).WithHint("%s", p.meant(pattern)))
		}
	}
	return wrong
}

// manyNames are more than a hint lists.
const manyNames = 12

// meant guesses what a pattern that matched nothing may have meant.
func (p *picking) meant(pattern config.Pattern) string {
	if name, ok := p.excluded[pattern.String()]; ok {
		return fmt.Sprintf("%q exists, but the configuration excludes it (include, exclude)", name)
	}
	names := slices.Sorted(maps.Keys(p.names))
	for _, name := range names {
		if slices.ContainsFunc(strings.Split(name, "/"), func(level string) bool { return strings.EqualFold(level, pattern.String()) }) {
			return config.Guess(name, names)
		}
	}
	if hint := config.Guess(pattern.String(), names); len(names) > 0 && (len(names) <= manyNames || strings.HasPrefix(hint, "did you")) {
		return hint
	}
	return `"mailsync list" shows the server's mailboxes, "mailsync status" those that are here`
}
