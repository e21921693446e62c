package list

import (
	"context"
	"fmt"
	"strings"

	"mailsync/state"
	"mailsync/sync/port"
)

// MeetForeign sees whose mail lies in a root before a run. In one that is used for the first time (the
// base knows no account, and there is no marker) what another program has put there would be fetched a
// second time beside it, and with append sent to the server that it came from: the error says so. With
// goOn these Maildirs are left alone instead, by this run and, where it is forGood, by all later ones;
// note says so.
func MeetForeign(ctx context.Context, account state.AccountRow, tree port.Tree, goOn, forGood bool) (note string, err error) {
	if account.ID != "" {
		return "", nil
	}
	ours, err := tree.Find(ctx)
	if err != nil || len(ours) > 0 {
		return "", port.Wrap("look for Maildirs", err)
	}
	found, err := tree.Foreign(ctx)
	if err != nil {
		return "", port.Wrap("look for Maildirs", err)
	}
	if err := foreignFault(found); err == nil || !goOn {
		return "", err
	}
	if err := tree.LeaveAlone(found, forGood); err != nil {
		return "", err
	}
	return foreignText(found) + "; they are left alone, now and in later runs", nil
}

// foreignFault is nil where there is no message that could be doubled.
func foreignFault(found []state.ForeignMaildir) error {
	if messagesIn(found) == 0 {
		return nil
	}
	return state.Faultf(state.Storage, "%s; nothing was fetched or appended", foreignText(found)).
		WithHint("give the account a maildir of its own; or \"mailsync sync --foreign\" (or backup), once, fetches all of it beside them, and never appends or changes them")
}

func messagesIn(found []state.ForeignMaildir) (n int) {
	for _, f := range found {
		n += f.Messages
	}
	return n
}

// foreignText tells of Maildirs, and where some of them are.
func foreignText(found []state.ForeignMaildir) string {
	var at []string
	for _, f := range found { // those with mail say most
		if f.Messages > 0 && len(at) < 2 {
			at = append(at, fmt.Sprintf("%q", f.Path))
		}
	}
	if len(found) > len(at) {
		at = append(at, "…")
	}
	maildirs, messages := "Maildirs", "messages"
	if len(found) == 1 {
		maildirs = "Maildir"
	}
	if messagesIn(found) == 1 {
		messages = "message"
	}
	return fmt.Sprintf("the maildir holds %d %s that mailsync did not make, with %d %s (%s)",
		len(found), maildirs, messagesIn(found), messages, strings.Join(at, ", "))
}
