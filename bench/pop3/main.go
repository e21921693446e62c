// Pop3 measures mailsync's POP3 beside mpop, getmail and fetchmail: the same mail, the same
// Dovecot, one after the other, each into an empty Maildir, in rounds that change who goes
// first.
//
//	go run ./bench/pop3                 2,000 messages, five rounds
//	go run ./bench/pop3 -rtt 40ms       with a distant server
//	go run ./bench/pop3 -with mpop      beside the fastest alone
//
// A round is a first fetch and a second run with nothing to do, of each program that is
// installed. After the first fetch every Maildir is read and held against the corpus: all
// messages, line for line. Nothing is deleted on the server.
//
// What it prints are medians over the rounds, and the medians of the ratios of each round;
// where other programs keep the machine busy, only the ratios mean something.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"

	"mailsync/bench/host"
)

type settings struct {
	host.Settings
	with string // names of the programs to compare with, separated by commas
}

func main() {
	if dir := os.Getenv(mdaDir); dir != "" {
		if err := deliver(dir, os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(75) // EX_TEMPFAIL: it is asked to try again
		}
		return
	}
	s := settings{Settings: host.Settings{Messages: 2000, Rounds: 5}}
	s.Flags()
	flag.StringVar(&s.with, "with", "mpop,getmail,fetchmail", "what mailsync is compared with")
	flag.Parse()
	host.Main(func(ctx context.Context) error { return run(ctx, s, flag.Args()) })
}

func run(ctx context.Context, s settings, args []string) (err error) {
	if err := s.Check(args); err != nil {
		return err
	}
	w, err := newWorld(ctx, s)
	if w != nil {
		defer func() { err = errors.Join(err, w.ground.Close()) }()
	}
	if err != nil {
		return err
	}
	var rounds []round
	for i := range s.Rounds {
		r := round{}
		for j := range w.programs {
			p := w.programs[(i+j)%len(w.programs)]
			c, err := w.measure(ctx, p)
			if err != nil && (p.name == "mailsync" || ctx.Err() != nil) {
				return fmt.Errorf("round %d: %s: %w", i+1, p.name, err)
			}
			if err != nil {
				host.Say("round %d: %s failed, and is left out of it: %v", i+1, p.name, err)
				continue
			}
			r[p.name] = c
			host.Say("round %d: %-9s first fetch %6.2f s, nothing to do %6.3f s", i+1, p.name, c.first.Seconds(), c.idle.Seconds())
		}
		rounds = append(rounds, r)
	}
	return report(os.Stdout, w, rounds)
}
