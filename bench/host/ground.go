package host

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mailsync/bench/delay"
)

// Settings are those that every measurement has. What is zero is up to the row.
type Settings struct {
	Messages, Mailboxes, Rounds int

	Seed   uint64
	RTT    time.Duration // of the server; 0: as near as it is
	TLS    bool
	Dir    string // the disk that is measured
	Binary string // of mailsync; "": one is built
	Before string // another mailsync, measured in place of all other programs
}

// Flags makes the flags.
func (s *Settings) Flags(f *flag.FlagSet) {
	f.IntVar(&s.Messages, "messages", 0, "how many messages (default: as the row says)")
	f.IntVar(&s.Mailboxes, "mailboxes", 0, "in how many mailboxes (default: as the row says)")
	f.IntVar(&s.Rounds, "rounds", 0, "how many rounds (default: as the row says)")
	f.Uint64Var(&s.Seed, "seed", 1, "seed of the corpus")
	f.DurationVar(&s.RTT, "rtt", 0, "round-trip time to the server (default: as the row says)")
	f.BoolVar(&s.TLS, "tls", false, "with TLS, in the rows of IMAP beside mbsync")
	f.StringVar(&s.Dir, "dir", os.TempDir(), "where the Maildirs go: the disk that is measured")
	f.StringVar(&s.Binary, "mailsync", "", "measure this binary; without it one is built")
	f.StringVar(&s.Before, "before", "", "measure beside this mailsync, and beside no other program")
}

// Or returns the settings with what they leave open taken from others.
func (s Settings) Or(o Settings) Settings {
	s.Messages, s.Mailboxes, s.Rounds = cmp.Or(s.Messages, o.Messages), cmp.Or(s.Mailboxes, o.Mailboxes, 1), cmp.Or(s.Rounds, o.Rounds)
	s.RTT, s.TLS = cmp.Or(s.RTT, o.RTT), s.TLS || o.TLS
	return s
}

// String says what was measured.
func (s Settings) String() string {
	var parts []string
	if s.Messages > 0 {
		parts = append(parts, fmt.Sprintf("%d messages in %d mailboxes", s.Messages, s.Mailboxes))
	}
	if s.RTT > 0 {
		parts = append(parts, fmt.Sprintf("%v of round trip", s.RTT))
	}
	if s.TLS {
		parts = append(parts, "TLS")
	}
	return strings.Join(append(parts, fmt.Sprintf("rounds: %d", s.Rounds)), ", ")
}

// Check refuses what cannot be measured.
func (s Settings) Check() error {
	if s.Messages < 0 || s.Mailboxes < 0 || s.Rounds < 0 || s.RTT < 0 {
		return errors.New("-messages, -mailboxes, -rounds and -rtt are not negative")
	}
	if s.Messages > 0 && s.Messages < s.Mailboxes {
		return errors.New("-messages is at least -mailboxes: no mailbox is empty")
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
	Dir     string
	proxies []*delay.Proxy
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
	g.proxies = append(g.proxies, proxy)
	return proxy.Addr, nil
}

// Launch runs a command and returns what it took, and what went to the distant server
// meanwhile. A command that fails is an error, which holds what it printed.
func (g *Ground) Launch(ctx context.Context, cmd *exec.Cmd) (Cost, error) {
	self, err := g.Self()
	if err != nil {
		return Cost{}, err
	}
	for _, p := range g.proxies {
		p.Count()
	}
	c, err := launchBy(ctx, self, cmd)
	for _, p := range g.proxies {
		n, turns := p.Count()
		c.Connections, c.Turns = c.Connections+n, max(c.Turns, turns)
	}
	return c, err
}

// Self is a copy of this program, where the user whose mail it is may run it.
func (g *Ground) Self() (string, error) {
	file := filepath.Join(g.Dir, "bench")
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	return file, copyTo(file, self)
}

// Build returns the path of the mailsync that is measured: a copy of the one that the settings name, or
// of one built from this tree.
func (g *Ground) Build(ctx context.Context, s Settings) (string, error) {
	built := s.Binary
	if built == "" {
		built = filepath.Join(g.Dir, "built")
		if out, err := exec.CommandContext(ctx, "go", "build", "-o", built, "mailsync/cmd/mailsync").CombinedOutput(); err != nil {
			return "", fmt.Errorf("go build: %w\n%s", err, out)
		}
	}
	file := filepath.Join(g.Dir, "mailsync")
	return file, copyTo(file, built)
}

// Old returns the path of a copy of the mailsync that was before.
func (g *Ground) Old(s Settings) (string, error) {
	file := filepath.Join(g.Dir, "before")
	return file, copyTo(file, s.Before)
}

// copyTo copies a program. What the linker has just written is in the page cache in other pieces than what was installed, and may take
// 2 ms more of the processor to start: a copy is as any installed program is.
func copyTo(file, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o755)
}

// Close ends the servers and removes the folder.
func (g *Ground) Close() error {
	var err error
	for _, p := range g.proxies {
		err = errors.Join(err, p.Close())
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
