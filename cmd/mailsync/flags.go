package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
	"mailsync/sync/plan"
)

// value is a flag that passes its text to a function. It has no default.
type value struct {
	what string // the help's word for it
	set  func(text string) error
}

func (v value) Set(text string) error { return v.set(text) }
func (v value) String() string        { return "" }
func (v value) Type() string          { return v.what }

// choice is a value that is one of some words, which shells complete. They are asked for only then.
type choice struct {
	value
	words func() []string
}

func (c choice) choices() []string { return c.words() }

// duration is a flag that takes a duration as the configuration writes it.
func duration(at *time.Duration) value {
	return value{"DURATION", func(text string) (err error) {
		*at, err = config.ParseDuration(text)
		return err
	}}
}

// count is a flag that takes a number from 0 up; at stays nil where it is not given.
func count(at **int) value {
	return value{"N", func(text string) error {
		n, err := strconv.ParseUint(text, 10, 31)
		if err != nil {
			return fmt.Errorf("%q is not a number from 0 up", text)
		}
		*at = new(int(n))
		return nil
	}}
}

// day is a flag that takes a day, or how long ago it was; at gets its beginning, in seconds since 1970.
func day(at *int64) value {
	return value{"DATE", func(text string) error {
		if d, err := config.ParseDuration(text); err == nil {
			*at = time.Now().Add(-d).Unix()
			return nil
		}
		day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
		if err != nil {
			return fmt.Errorf(`%q is neither a day like "2024-12-31" nor a duration like "90d"`, text)
		}
		*at = day.Unix()
		return nil
	}}
}

// pathFlag is a flag that takes a path, in which ~ and $VAR are expanded as in the
// configuration. Every flag that takes one is of this type.
type pathFlag struct {
	at   *string
	what string // "FILE" or "DIR"
}

func (f pathFlag) Set(text string) error {
	path, err := config.Expand(text, os.Getenv)
	*f.at = path
	return err
}

func (f pathFlag) String() string {
	if f.at == nil {
		return ""
	}
	return *f.at
}

func (f pathFlag) Type() string { return f.what }

// accepting are the messages that --accept names, as they were written.
type accepting []string

// flag gives a command the flag.
func (o *accepting) flag(c *cobra.Command) {
	c.Flags().StringArrayVar((*[]string)(o), "accept", nil,
		"no longer report a message that cannot be fetched, or is complete as it is; `MAILBOX:UID`, may be repeated")
}

// check reports what cannot be accepted, before anything is done.
func (o *accepting) check(accounts []*config.Account) error {
	if len(*o) > 0 && len(accounts) != 1 {
		return usage("--accept is about a message of one account, not of %d", len(accounts)).WithHint("name the account")
	}
	_, err := o.messages()
	return err
}

// messages reads MAILBOX:UID, as failures of messages are printed.
func (o *accepting) messages() (all []plan.Message, err error) {
	for _, text := range *o {
		i := max(0, strings.LastIndexByte(text, ':'))
		uid, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(text[i:], ":")), 10, 32)
		if i == 0 || err != nil || uid == 0 {
			return nil, usage("--accept %q is not a message", text).
				WithHint("write the mailbox's name and the message's uid as errors print them: INBOX:4711")
		}
		all = append(all, plan.Message{Mailbox: text[:i], UID: state.UID(uid)})
	}
	return all, nil
}
