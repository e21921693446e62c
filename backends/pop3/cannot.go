package pop3

import (
	"context"

	"mailsync/state"
)

// This file is what POP3 has no command for. What would change the server is refused for
// good; what only asks gets the answer that there is nothing to know.

// cannot is the refusal of what no POP3 server can do.
func cannot(what string) error {
	return state.Faultf(state.Usage, "a POP3 server cannot %s", what).WithHint("that takes IMAP")
}

// Append is refused: POP3 only hands mail out.
func (a *Account) Append(context.Context, string, []state.Outgoing, *state.Keywords) ([]state.Appended, error) {
	return nil, cannot("take messages")
}

// Move is refused: there is one mailbox.
func (a *Account) Move(context.Context, string, uint32, []state.UID, string) ([]state.Moved, error) {
	return nil, cannot("move messages")
}

// CreateMailbox returns INBOX, and refuses any other mailbox.
func (a *Account) CreateMailbox(_ context.Context, levels []string, _ string) (state.Listed, error) {
	if len(levels) == 1 && isInbox(levels[0]) {
		return state.Listed{Raw: inbox, Levels: []string{inbox}, Size: -1}, nil
	}
	return state.Listed{}, cannot("make mailboxes")
}

// Store changes nothing and echoes nothing: there are no flags.
func (a *Account) Store(context.Context, state.StoreRequest) (state.Stored, error) {
	return state.Stored{}, nil
}

// Idents returns nothing: what identifies a message is its unique-id, and that is its
// number already.
func (a *Account) Idents(context.Context, string, uint32, []state.UID) ([]state.Ident, error) {
	return nil, nil
}

// Quota returns nothing: no POP3 server tells it.
func (a *Account) Quota(context.Context, string) ([]state.Quota, error) { return nil, nil }
