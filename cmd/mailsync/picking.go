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
// patterns met, in all accounts, for one that met nothing is a mistake.
type picking struct {
	patterns []config.Pattern

	mu     sync.Mutex
	met    map[string]bool   // by pattern
	spared map[string]string // by pattern: the first name that matches and that the configuration leaves out
	others map[string]bool   // names that no pattern matched
	looked int               // accounts whose mailboxes are known
}

var _ interface {
	Set(string) error
	String() string
	Type() string
} = (*picking)(nil)

func (p *picking) Set(text string) error {
	pattern, err := config.ParsePattern(text)
	if err == nil {
		p.patterns = append(p.patterns, pattern)
	}
	return err
}

func (p *picking) String() string { return "" }

func (p *picking) Type() string { return "PATTERN" }

// flag gives a command the flag --mailbox.
func (p *picking) flag(c *cobra.Command, of *program) {
	p.met, p.spared, p.others = map[string]bool{}, map[string]string{}, map[string]bool{}
	c.Flags().Var(p, "mailbox", "only mailboxes that match, INBOX, 'Lists/*' or role:sent say; may be repeated")
	_ = c.RegisterFlagCompletionFunc("mailbox", of.completeMailboxes) // it fails only for a flag that is not there
}

// given reports whether there is a pattern at all.
func (p *picking) given() bool { return len(p.patterns) > 0 }

// match reports whether a mailbox is picked. Without a pattern all are.
func (p *picking) match(levels []string, role string) bool {
	return p.among(levels, role, true)
}

// narrow has a run be only about what is picked of the mailboxes that it would be about.
func (p *picking) narrow(account *port.Account) {
	include := account.Include
	account.Include = func(l state.Listed) bool { return p.among(l.Levels, l.Role, include(l)) }
}

// among is match for a mailbox that the configuration may leave out.
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
			p.met[pattern.String()], picked = true, true
		default:
			if was, known := p.spared[pattern.String()]; !known || name < was {
				p.spared[pattern.String()] = name
			}
		}
	}
	if !picked && included {
		p.others[name] = true
	}
	return picked
}

// known notes that the patterns were held against all mailboxes of an account.
func (p *picking) known(result *port.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if result.Fatal == nil {
		p.looked++
	}
}

// missed are the patterns that matched nothing in any of so many accounts: each is wrong, for
// what it should have done was not done. Nothing is said of them while an account's mailboxes
// are not known.
func (p *picking) missed(accounts int) (wrong []error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.looked < accounts {
		return nil
	}
	for _, pattern := range p.patterns {
		text := pattern.String()
		if p.met[text] {
			continue
		}
		p.met[text] = true // told once, however often it is given
		wrong = append(wrong, usage("no mailbox matches --mailbox %q", text).WithHint("%s", p.meant(pattern)))
	}
	return wrong
}

// manyNames are more than a hint lists.
const manyNames = 12

// meant says what a pattern that matched nothing may have meant.
func (p *picking) meant(pattern config.Pattern) string {
	if name, ok := p.spared[pattern.String()]; ok {
		return fmt.Sprintf("%q is there, and the configuration leaves it out (include, exclude)", name)
	}
	names := slices.Sorted(maps.Keys(p.others))
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
