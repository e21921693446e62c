package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/config"
)

// duration is a flag that takes a duration as the configuration writes it.
type duration time.Duration

var _ pflag.Value = (*duration)(nil)

func (d *duration) Set(text string) error {
	v, err := config.ParseDuration(text)
	*d = duration(v)
	return err
}

func (d *duration) String() string {
	if *d == 0 {
		return ""
	}
	return time.Duration(*d).String()
}

func (d *duration) Type() string { return "DURATION" }

// count is a flag that takes a number from 0 up, and knows whether it was given.
type count struct{ at **int }

func (c count) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fmt.Errorf("%q is no number from 0 up", text)
	}
	*c.at = new(int)
	**c.at = int(n)
	return nil
}

func (c count) String() string {
	if c.at == nil || *c.at == nil {
		return ""
	}
	return strconv.Itoa(**c.at)
}

func (c count) Type() string { return "N" }

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
