package oauth

import (
	"context"
	"strings"
	"sync"

	"mailsync/cmd/mailsync/secret"
	"mailsync/state"
)

// Helper hands out the access tokens that a command of the user prints. It is run before each log-in
// and nothing is kept: when a token ends only the command knows. It is safe for concurrent use.
type Helper struct {
	Source secret.Source // a Command

	mu      sync.Mutex
	refused string
}

// Token runs the command. One that prints a token which the server has refused in this run is an error.
func (h *Helper) Token(ctx context.Context) (string, error) {
	word, err := h.Source.Read(ctx)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(word.Reveal())                      // there are none in a token
	if len(token) > 7 && strings.EqualFold(token[:7], "bearer ") { // as it stands in a header
		token = strings.TrimSpace(token[7:])
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if token == h.refused {
		return "", state.Faultf(state.Login, "%s: it printed the token again that the server had just refused", h.Source.Kind()).
			WithHint("the command has to renew its tokens; see whether it has to log in again")
	}
	return token, nil
}

// Refused notes that the server did not accept a token.
func (h *Helper) Refused(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = token
}
