package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"mailsync/cmd/mailsync/config"
)

// value is a flag that gives what was written to a function. It has no default.
type value struct {
	what string // the help's word for it
	set  func(text string) error
}

func (v value) Set(text string) error { return v.set(text) }
func (v value) String() string        { return "" }
func (v value) Type() string          { return v.what }

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
			return fmt.Errorf("%q is no number from 0 up", text)
		}
		*at = new(int)
		**at = int(n)
		return nil
	}}
}

// day is a flag that takes a day, or how long ago it was; at gets when it began, in seconds since 1970.
func day(at *int64) value {
	return value{"DATE", func(text string) error {
		if d, err := config.ParseDuration(text); err == nil {
			*at = time.Now().Add(-d).Unix()
			return nil
		}
		day, err := time.ParseInLocation(time.DateOnly, text, time.Local)
		if err != nil {
			return fmt.Errorf(`%q is neither a day as "2024-12-31" nor a duration as "90d"`, text)
		}
		*at = day.Unix()
		return nil
	}}
}

// pathFlag is a flag that takes a path, in which ~ and $VAR stand for what they do in the
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
