// Package redact takes passwords out of what a server sends, before people see it.
//
// Some servers repeat the line that they refuse, as it was sent, quoted, decoded or cut short.
// So every piece of a secret that is long enough to be worth something is taken out, in
// each of the forms in which it travels. What is taken out is for people only: the
// protocol itself is never changed.
package redact

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

const (
	// piece is how many octets of a secret in a row are not shown. Fewer reveal little, and
	// would black out words that have nothing to do with it.
	piece = 8
	// shortest is the shortest secret that is hidden; a shorter one would black out half
	// the protocol and hide nothing.
	shortest = 4
)

// mask is in the place of what was taken out.
const mask = "***"

// Secrets are the words that must not be shown. The zero Secrets has none; it is safe for
// concurrent use.
type Secrets struct {
	mu     sync.RWMutex
	kept   map[string]bool
	pieces map[string]struct{} // every piece of the longer forms
	short  []string            // the forms shorter than a piece
}

// Keep adds secrets.
func (s *Secrets) Keep(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		if len(secret) < shortest || s.kept[secret] {
			continue
		}
		if s.kept == nil {
			s.kept, s.pieces = map[string]bool{}, map[string]struct{}{}
		}
		s.kept[secret] = true
		for _, form := range forms(secret) {
			s.add(form)
		}
	}
}

func (s *Secrets) add(form string) {
	if len(form) < piece {
		s.short = append(s.short, form)
		return
	}
	for i := 0; i+piece <= len(form); i++ {
		s.pieces[form[i:i+piece]] = struct{}{}
	}
}

// forms are the ways in which a secret is written.
func forms(secret string) []string {
	quoted := strconv.QuoteToGraphic(secret)
	ascii := strconv.QuoteToASCII(secret)
	all := []string{
		secret, quoted[1 : len(quoted)-1], ascii[1 : len(ascii)-1],
		strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret),
		url.QueryEscape(secret), url.PathEscape(secret),
		strings.ToUpper(secret), strings.ToLower(secret),
	}
	// In base64 a secret looks different after one and after two octets that do not belong to
	// it, and the digits at both ends hold bits of its neighbours.
	for _, code := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		for before := range 3 {
			text := code.EncodeToString(append(make([]byte, before), secret...))
			if core := text[(before*8+5)/6 : (before+len(secret))*8/6]; len(core) >= shortest {
				all = append(all, core)
			}
		}
	}
	return all
}

// Hide returns text as it may be shown. It wants the text before anything is cut off, for a
// secret that is cut is one no more. A nil Secrets hides nothing.
func (s *Secrets) Hide(text string) string {
	if s == nil {
		return text
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if len(s.kept) == 0 {
		return text
	}
	var out strings.Builder
	shown, hidden := 0, -1 // what was written, and where what is hidden ends, -1 for nothing
	for i := 0; i < len(text); i++ {
		n := s.at(text[i:])
		if hidden >= 0 && i == hidden && n == 0 {
			shown, hidden = i, -1
		}
		if n == 0 {
			continue
		}
		if hidden < 0 {
			out.WriteString(text[shown:i] + mask)
		}
		hidden = max(hidden, i+n)
	}
	if hidden < 0 {
		if shown == 0 {
			return text
		}
		out.WriteString(text[shown:])
	}
	return out.String()
}

// at returns how many octets at the beginning of text have to be hidden.
func (s *Secrets) at(text string) int {
	n := 0
	if len(text) >= piece {
		if _, ok := s.pieces[text[:piece]]; ok {
			n = piece
		}
	}
	for _, w := range s.short {
		if len(w) > n && strings.HasPrefix(text, w) {
			n = len(w)
		}
	}
	return n
}
