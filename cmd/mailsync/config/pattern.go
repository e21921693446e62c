package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// roles are the special uses a mailbox can have (RFC 6154, RFC 8457), as patterns name them.
var roles = []string{"all", "archive", "drafts", "flagged", "important", "junk", "sent", "trash"}

// Roles returns the special uses that a pattern can name.
func Roles() []string { return slices.Clone(roles) }

// Pattern selects mailboxes: by their special use, or by a name with IMAP's wildcards
// (RFC 9051 section 6.3.9), where * matches anything and % anything within one level.
type Pattern struct {
	text string // as it was written
	role string
	name []rune // levels separated by levelEnd
}

// levelEnd separates levels. No name can hold it: the separator of one server is an ordinary
// letter on the next, so "/" would not do.
const levelEnd rune = -1

// ParsePattern reads a pattern: "role:NAME", or a name with "/" between its levels.
func ParsePattern(text string) (Pattern, error) {
	if role, ok := strings.CutPrefix(text, "role:"); ok {
		if slices.Contains(roles, role) {
			return Pattern{text: text, role: role}, nil
		}
		if near := Nearest(strings.ToLower(role), roles); near != "" {
			return Pattern{}, fmt.Errorf(`no role is named %q; did you mean "role:%s"?`, role, near)
		}
		return Pattern{}, fmt.Errorf("no role is named %q; the roles are %s", role, strings.Join(roles, ", "))
	}
	if text == "" {
		return Pattern{}, fmt.Errorf(`an empty pattern matches nothing; "*" matches every mailbox`)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return Pattern{}, fmt.Errorf("pattern %q holds a control character", text)
	}
	levels := strings.Split(text, "/")
	if slices.Contains(levels, "") {
		return Pattern{}, fmt.Errorf(`pattern %q has an empty level; "/" separates two levels`, text)
	}
	return Pattern{text: text, name: joinLevels(levels)}, nil
}

// String is the pattern as it was written.
func (p Pattern) String() string { return p.text }

// Match reports whether a mailbox with these levels and this role ("" for none) is meant.
// INBOX is INBOX in any case (RFC 9051 section 5.1).
func (p Pattern) Match(levels []string, role string) bool {
	if p.role != "" {
		return p.role == role
	}
	return matchRunes(p.name, joinLevels(levels))
}

func joinLevels(levels []string) []rune {
	var name []rune
	for i, level := range levels {
		if i > 0 {
			name = append(name, levelEnd)
		} else if strings.EqualFold(level, "INBOX") {
			level = "INBOX"
		}
		name = append(name, []rune(level)...)
	}
	return name
}

// matchRunes matches a complete name, in time proportional to the product of both lengths.
func matchRunes(pattern, name []rune) bool {
	at := make([]bool, len(name)+1) // at[i]: the pattern so far matches name[:i]
	at[0] = true
	for _, p := range pattern {
		switch p {
		case '*', '%':
			for i, r := range name {
				at[i+1] = at[i+1] || at[i] && (p == '*' || r != levelEnd)
			}
		default:
			for i := len(name); i > 0; i-- {
				at[i] = at[i-1] && name[i-1] == p
			}
			at[0] = false
		}
	}
	return at[len(name)]
}

// Patterns decide which mailboxes belong to an account.
type Patterns struct{ Include, Exclude []Pattern }

// Match reports whether some pattern includes the mailbox and none excludes it.
func (p Patterns) Match(levels []string, role string) bool {
	included, _ := p.Rule(levels, role)
	return included
}

// Rule is Match with the reason: the key and the pattern that decide, as the configuration has them.
func (p Patterns) Rule(levels []string, role string) (included bool, rule string) {
	meant := func(p Pattern) bool { return p.Match(levels, role) }
	if i := slices.IndexFunc(p.Exclude, meant); i >= 0 {
		return false, fmt.Sprintf("exclude %q", p.Exclude[i].text)
	}
	if i := slices.IndexFunc(p.Include, meant); i >= 0 {
		return true, fmt.Sprintf("include %q", p.Include[i].text)
	}
	return false, "nothing includes it"
}
