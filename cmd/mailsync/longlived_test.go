//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/network"
	mailservers "mailsync/internal/testkit/servers"
)

// longLived is how long one process runs the program again and again. MAILSYNC_SOAK makes
// it longer, as it does the soak (cmd/mailsync/soak).
const longLived = 4 * time.Second

// One process that runs the program hundreds of times, and in which many of the runs break
// off, ends with as many goroutines and descriptors, and as much memory, as it had after
// the first few.
func TestManyRunsInOneProcess(t *testing.T) {
	length := longLived
	if text := os.Getenv("MAILSYNC_SOAK"); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatalf("MAILSYNC_SOAK: %v", err)
		}
	}
	l := newLongLived(t)
	l.one(t.Context(), syncTask(), flags{config: l.config}, "ada", "collected") // the others have something to look at
	for begun := time.Now(); time.Since(begun) < length || l.runs < 60; {
		for range 5 {
			l.change()
			l.run()
		}
		l.measure()
	}
	l.net.SetBad(false)
	if l.codes[0] < l.runs/4 || l.codes[0] == l.runs {
		t.Errorf("%d runs, and their exit codes are %v: that was no test", l.runs, l.codes)
	}
	first, last := l.quarters()
	t.Logf("%d runs, exit codes %v, %d of %d connections met a fault; medians of the first and of the last quarter: goroutines %d, %d; descriptors %d, %d; heap %d KiB, %d KiB",
		l.runs, l.codes, l.net.Struck().Faults(), l.net.Struck().Connections,
		first.goroutines, last.goroutines, first.descriptors, last.descriptors, first.heap>>10, last.heap>>10)
	if last.goroutines > first.goroutines || last.descriptors > first.descriptors || last.heap > first.heap+first.heap/5+1<<20 {
		stacks := make([]byte, 1<<20)
		t.Errorf("it grows: %+v became %+v\n%s", first, last, stacks[:runtime.Stack(stacks, true)])
	}
}

// oneProcess is what has to stay as it is.
type oneProcess struct{ goroutines, descriptors, heap int }

type longLivedWorld struct {
	t              *testing.T
	r              *rand.Rand
	net            *network.Network
	client         *mailservers.Session
	root, config   string
	runs, messages int
	codes          map[int]int
	samples        []oneProcess
}

func newLongLived(t *testing.T) *longLivedWorld {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	srv := mailservers.Dovecot(t)
	srv.AddUser("ada")
	net, err := network.Start(srv.IMAPS, seed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(net.Close)
	pop, err := network.Start(srv.POP3S, seed+1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pop.Close)
	dir := t.TempDir()
	for _, name := range []string{"HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(name, dir)
	}
	l := &longLivedWorld{t: t, r: rand.New(rand.NewPCG(seed, 2)), net: net, client: srv.LogIn("ada"),
		root: filepath.Join(dir, "ada"), config: filepath.Join(dir, "config.toml"), codes: map[int]int{}}
	var text strings.Builder
	fmt.Fprintf(&text, "[defaults]\nhost = \"127.0.0.1\"\ntls_ca = %q\ntimeout = \"2s\"\nmax_wait = \"0s\"\ntrash_keep = \"1s\"\n", srv.CAFile())
	for _, a := range []struct{ name, user, password, more string }{
		{"ada", "ada", mailservers.Password, "append = true\non_server_delete = \"delete\"\non_disk_delete = \"delete\"\n"},
		{"collected", "bob", mailservers.Password, "protocol = \"pop3\"\ndelete = \"fetched\"\n"},
		{"refused", "eve", "another", ""},
	} {
		port := net.Port()
		if a.user == "bob" {
			port = pop.Port()
		}
		fmt.Fprintf(&text, "[accounts.%s]\nuser = %q\npassword = %q\nport = %d\nmaildir = %q\n%s", a.name, a.user, a.password, port, filepath.Join(dir, a.name), a.more)
	}
	if err := os.WriteFile(l.config, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return l
}

// change makes something to do on both sides, for as many messages as it was before.
func (l *longLivedWorld) change() {
	l.t.Helper()
	do := func(command string) {
		if _, err := l.client.Do(command); err != nil {
			l.t.Fatal(err)
		}
	}
	l.messages++
	body := fmt.Sprintf("Message-ID: <%d@long>\r\nSubject: %d\r\n\r\n%s\r\n", l.messages, l.messages, strings.Repeat("x", l.r.IntN(20000)))
	if err := l.client.Append("INBOX", nil, time.Unix(1700000000, 0), []byte(body)); err != nil {
		l.t.Fatal(err)
	}
	do("SELECT INBOX")
	do(`STORE 1 +FLAGS (\Answered Later)`)
	if l.messages > 30 {
		do(`STORE 1 +FLAGS (\Deleted)`)
		do("EXPUNGE")
	}
	do("UNSELECT")
	cur := filepath.Join(l.root, "INBOX", "cur")
	if _, err := os.Stat(cur); err != nil {
		return // no run got so far
	}
	file := filepath.Join(cur, fmt.Sprintf("%d.here:2,S", l.messages))
	if err := os.WriteFile(file, []byte("Subject: here\n\n"+strconv.Itoa(l.messages)+"\n"), 0o600); err != nil {
		l.t.Fatal(err)
	}
	files, err := os.ReadDir(cur)
	if err != nil {
		l.t.Fatal(err)
	}
	if len(files) > 30 {
		_ = os.Remove(filepath.Join(cur, files[l.r.IntN(len(files))].Name()))
	}
}

// run is one run, in any way that it can come to an end but a blow.
func (l *longLivedWorld) run() {
	l.t.Helper()
	l.net.SetBad(l.r.IntN(3) == 0)
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	meant := 1000
	f := flags{config: l.config, deletes: &meant}
	t, names := syncTask(), []string{"ada", "collected"}
	soon := time.Duration(l.r.Int64N(int64(200 * time.Millisecond)))
	switch l.r.IntN(16) {
	case 0:
		names = append(names, "refused")
	case 1, 2:
		defer time.AfterFunc(soon, cancel).Stop()
	case 3, 4:
		defer time.AfterFunc(soon, l.net.CutAll).Stop()
	case 5:
		t.run, f.trace = (&syncing{pulling{full: true}}).run, filepath.Join(filepath.Dir(l.config), "trace")
	case 6:
		f.dryRun = true
	case 7:
		t, names = task{name: "verify", run: (&verifying{server: true}).run}, []string{"ada"}
	case 8:
		t = task{name: "check", run: check}
	case 9:
		t = task{name: "backup", run: (&backing{}).run}
	}
	l.one(ctx, t, f, names...)
}

// one is one run of the program, without the command line: the library that reads that
// remembers every command it ever made.
func (l *longLivedWorld) one(ctx context.Context, t task, f flags, names ...string) {
	l.t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{stdout: &stdout, stderr: &stderr, flags: f}
	ctx, p.interrupt = watchSignals(ctx)
	defer p.interrupt.stop()
	cfg, err := p.loadConfig()
	if err != nil {
		l.t.Fatal(err)
	}
	w, err := p.choose(cfg, names)
	if err != nil {
		l.t.Fatal(err)
	}
	code, err := p.perform(ctx, t, w)
	if err != nil || !slices.Contains([]int{0, 1, 4, 5, 7, 130}, code) {
		l.t.Errorf("%s %v: exit %d, %v\n%s%s", t.name, names, code, err, &stdout, &stderr)
	}
	l.runs++
	l.codes[code]++
}

// measure notes what the process has. What a run left behind that is about to end is
// given a moment.
func (l *longLivedWorld) measure() {
	l.t.Helper()
	var s oneProcess
	// What ends by itself within seconds is not left over.
	for until := time.Now().Add(3 * time.Second); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		s.goroutines = runtime.NumGoroutine()
		if len(l.samples) > 0 && s.goroutines <= l.samples[0].goroutines {
			break
		}
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		l.t.Fatal(err)
	}
	s.descriptors = len(open)
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	s.heap = int(m.HeapAlloc)
	l.samples = append(l.samples, s)
}

// quarters are the medians of the first and of the last quarter of the samples.
func (l *longLivedWorld) quarters() (first, last oneProcess) {
	n := max(1, len(l.samples)/4)
	of := func(samples []oneProcess) (m oneProcess) {
		for _, what := range []func(*oneProcess) *int{
			func(s *oneProcess) *int { return &s.goroutines },
			func(s *oneProcess) *int { return &s.descriptors },
			func(s *oneProcess) *int { return &s.heap },
		} {
			var all []int
			for i := range samples {
				all = append(all, *what(&samples[i]))
			}
			slices.Sort(all)
			*what(&m) = all[len(all)/2]
		}
		return m
	}
	return of(l.samples[:n]), of(l.samples[len(l.samples)-n:])
}
