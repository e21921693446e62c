// Back measures what is there for the day on which mail is lost: verify, beside sha256sum
// over the same files in parallel, and restore, beside a client that sends one APPEND and waits
// for its answer before the next.
//
//	go run ./bench/back                     2,000 messages, three rounds, 40 ms
//	go run ./bench/back -only verify -messages 20000
//
// It starts a Dovecot of its own with a corpus from a seed, and pulls it. After each restore
// the mailbox is read, by no code of mailsync's, and held against the corpus. It prints medians over
// the rounds, and the medians of the ratios of each round; where other programs keep the
// machine busy, only the ratios mean something.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"time"

	"mailsync/bench/host"
)

type settings struct {
	host.Settings
	only string
}

func main() {
	s := settings{Settings: host.Settings{Messages: 2000, Rounds: 3, RTT: 40 * time.Millisecond}}
	s.Flags()
	flag.StringVar(&s.only, "only", "", "measure one thing only: verify or restore")
	flag.Parse()
	host.Main(func(ctx context.Context) error { return run(ctx, s, flag.Args()) })
}

func run(ctx context.Context, s settings, args []string) (err error) {
	if s.only != "" && s.only != "verify" && s.only != "restore" {
		return fmt.Errorf("-only knows verify and restore, not %q", s.only)
	}
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
	fmt.Printf("%d messages (%.1f MB)\n\n", w.Messages, float64(w.bytes)/1e6)
	for _, m := range []struct {
		name, other  string
		ours, theirs func(context.Context) (time.Duration, error)
		note         string
	}{
		{"verify", "sha256sum", w.verify, w.sha256sum, "both warm, as many at once as there are processors"},
		{"restore", "plain client", w.restore, w.plain, fmt.Sprintf("%v away", s.RTT)},
	} {
		if s.only != "" && s.only != m.name {
			continue
		}
		var ours, theirs, ratios []float64
		for i := range s.Rounds {
			a, err := m.ours(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", m.name, err)
			}
			b, err := m.theirs(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", m.other, err)
			}
			host.Say("round %d: %s %.2f s, %s %.2f s", i+1, m.name, a.Seconds(), m.other, b.Seconds())
			ours, theirs, ratios = append(ours, a.Seconds()), append(theirs, b.Seconds()), append(ratios, b.Seconds()/a.Seconds())
		}
		fmt.Printf("| %s | %.2f s | %s | %.2f s | %.2f times as fast (%.2f … %.2f) | %s |\n", m.name, host.Median(ours), m.other, host.Median(theirs),
			host.Median(ratios), slices.Min(ratios), slices.Max(ratios), m.note)
	}
	return nil
}
