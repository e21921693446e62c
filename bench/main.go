// Bench measures mailsync beside mbsync: the same mail, the same server, one after the
// other, each into empty Maildirs, in rounds that change who goes first.
//
//	go run ./bench                     20,000 messages in 40 mailboxes, five rounds
//	go run ./bench -messages 1000 -mailboxes 8 -rounds 3     a quick look
//	go run ./bench -rtt 40ms           with a distant server
//	go run ./bench -before FILE        beside another mailsync, e.g. that of last week
//
// It makes its corpus and starts a Dovecot of its own. A round is a first pull and a
// second run with nothing to do, of each program; after the first pull every Maildir is
// read, by no code of either program, and held against the corpus: all messages, byte
// for byte, with their dates. What it prints are medians over the rounds and the medians
// of the ratios of each round's pair; where other programs keep the machine busy, only
// the ratios mean something.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"mailsync/bench/host"
)

type settings struct {
	host.Settings
	mailboxes int
	tls       bool
	only      string
	before    string
}

func main() {
	if os.Getenv(launcher) != "" {
		os.Exit(launch(os.Args[1:]))
	}
	s := settings{Settings: host.Settings{Messages: 20_000, Rounds: 5}}
	s.Flags()
	flag.IntVar(&s.mailboxes, "mailboxes", 40, "in how many mailboxes")
	flag.BoolVar(&s.tls, "tls", false, "with TLS")
	flag.StringVar(&s.before, "before", "", "compare with this mailsync instead of mbsync")
	flag.StringVar(&s.only, "only", "", "measure one program only: mailsync or mbsync")
	flag.Parse()
	host.Main(func(ctx context.Context) error { return run(ctx, os.Stdout, s, flag.Args()) })
}

func (s *settings) check(args []string) error {
	switch {
	case s.mailboxes < 1 || s.mailboxes > s.Messages:
		return errors.New("-mailboxes is at least 1, and no mailbox is empty")
	case s.only != "" && s.only != "mailsync" && s.only != "mbsync":
		return fmt.Errorf("-only knows mailsync and mbsync, not %q", s.only)
	}
	return s.Check(args)
}

func run(ctx context.Context, out io.Writer, s settings, args []string) (err error) {
	if err := s.check(args); err != nil {
		return err
	}
	w, err := newWorld(s)
	if w != nil {
		defer func() { err = errors.Join(err, w.ground.Close()) }()
	}
	if err != nil {
		return err
	}
	programs, err := w.programs(ctx)
	if err != nil {
		return err
	}
	var rounds []round
	for i := range s.Rounds {
		order := slices.Clone(programs)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		r := round{}
		for _, p := range order {
			if r[p.name], err = w.measure(ctx, p); err != nil {
				return fmt.Errorf("round %d: %s: %w", i+1, p.name, err)
			}
			host.Say("round %d: %s", i+1, r[p.name])
		}
		rounds = append(rounds, r)
	}
	return report(out, w, rounds)
}
