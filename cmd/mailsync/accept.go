package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/sync/plan"
)

// accepting are the messages that --accept names, as they were written.
type accepting []string

// flag gives a command the flag.
func (o *accepting) flag(c *cobra.Command) {
	c.Flags().StringArrayVar((*[]string)(o), "accept", nil,
		"a message cannot be had, or is all there is of it, and is no failure any more; `MAILBOX:UID`, may be repeated")
}

// check complains of what cannot be accepted, before anything is done.
func (o *accepting) check(accounts []*config.Account) error {
	if len(*o) > 0 && len(accounts) != 1 {
		return usage("--accept is about a message of one account, and %d are meant", len(accounts)).
			WithHint("name the account")
	}
	_, err := o.messages()
	return err
}

func (o *accepting) messages() (all []plan.Message, err error) {
	for _, text := range *o {
		m, err := parseMessage(text)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

// parseMessage reads MAILBOX:UID, as a failure of a message is told.
func parseMessage(text string) (plan.Message, error) {
	i := strings.LastIndexByte(text, ':')
	if i > 0 {
		uid, err := strconv.ParseUint(strings.TrimSpace(text[i+1:]), 10, 32)
		if err == nil && uid > 0 {
			return plan.Message{Mailbox: text[:i], UID: state.UID(uid)}, nil
		}
	}
	return plan.Message{}, usage("--accept %q is no message", text).
		WithHint("write the mailbox's name and the message's uid as they are told: INBOX:4711")
}
