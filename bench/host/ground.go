package host

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"mailsync/bench/delay"
)

// Settings are those that every benchmark has.
type Settings struct {
	Messages, Rounds int
	Seed             uint64
	RTT              time.Duration // of the server; 0: as near as it is
	Dir              string        // the disk that is measured
	Binary           string        // of mailsync; "": one is built
}

// Flags makes the flags that every benchmark has. What the settings are is what they are
// without a flag.
func (s *Settings) Flags() {
	flag.IntVar(&s.Messages, "messages", s.Messages, "how many messages")
	flag.IntVar(&s.Rounds, "rounds", s.Rounds, "how many rounds")
	flag.Uint64Var(&s.Seed, "seed", 1, "seed of the corpus")
	flag.DurationVar(&s.RTT, "rtt", s.RTT, "round-trip time to the server")
	flag.StringVar(&s.Dir, "dir", os.TempDir(), "where the Maildirs go: the disk that is measured")
	flag.StringVar(&s.Binary, "mailsync", "", "measure this binary; without it one is built")
}

// Check refuses what cannot be measured.
func (s *Settings) Check(args []string) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("does not know what to do with %q", args)
	case s.Messages < 1 || s.Rounds < 1:
		return errors.New("-messages and -rounds are at least 1")
	}
	return nil
}

// Main runs a benchmark until it is done or interrupted, and ends the process where it fails.
func Main(run func(context.Context) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// Ground is what a benchmark stands on: a folder for everything, servers, and what makes one of
// them a distant one. Close it, whatever else failed.
type Ground struct {
	Host
	Dir   string
	proxy *delay.Proxy
}

// NewGround makes the folder, below parent, where the user whose mail it is may go.
func NewGround(parent string) (*Ground, error) {
	dir, err := os.MkdirTemp(parent, "mailsync-bench-")
	if err != nil {
		return nil, err
	}
	return &Ground{Dir: dir}, os.Chmod(dir, 0o755)
}

// Far returns the address under which the server at an address is rtt away; without one it is
// the same.
func (g *Ground) Far(addr string, rtt time.Duration) (string, error) {
	if rtt == 0 {
		return addr, nil
	}
	proxy, err := delay.Start(addr, rtt)
	if err != nil {
		return "", err
	}
	g.proxy = proxy
	return proxy.Addr, nil
}

// Build returns the path of the mailsync that is measured: the one that the settings name, or
// one built from this tree.
func (g *Ground) Build(ctx context.Context, s Settings) (string, error) {
	if s.Binary != "" {
		return filepath.Abs(s.Binary)
	}
	binary := filepath.Join(g.Dir, "mailsync")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "mailsync/cmd/mailsync").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// Close ends the servers and removes the folder.
func (g *Ground) Close() error {
	var err error
	if g.proxy != nil {
		err = g.proxy.Close()
	}
	return errors.Join(err, g.Host.Close(), os.RemoveAll(g.Dir))
}

// Settle lets the disk write what is on its way, so that one program does not pay for another.
func Settle() {
	flushDisks()
	time.Sleep(100 * time.Millisecond)
}

// Median is that of at least one figure.
func Median(all []float64) float64 {
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Say tells what is going on, on stderr: the result alone goes to stdout.
func Say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
