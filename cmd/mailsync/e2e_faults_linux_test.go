package main_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mailsync/internal/testkit/servers"
)

// failures are the system calls that are made to fail, and how. Left out are those that Go's
// runtime makes for itself (futex, epoll, mmap, signals). A call that an architecture does
// not have is never made there.
var failures = map[string][]string{
	"openat":     {"EIO", "EMFILE", "EACCES"},
	"openat2":    {"EIO", "EMFILE", "EACCES"},
	"open":       {"EIO", "ENOSPC", "EMFILE"},
	"read":       {"EIO", "EINTR"},
	"pread64":    {"EIO", "EINTR"},
	"write":      {"ENOSPC", "EIO", "EINTR"},
	"pwrite64":   {"ENOSPC", "EIO", "EINTR"},
	"fsync":      {"EIO", "ENOSPC"},
	"fdatasync":  {"EIO", "ENOSPC"},
	"ftruncate":  {"EIO", "ENOSPC"},
	"linkat":     {"ENOSPC", "EIO", "EROFS"},
	"unlinkat":   {"EROFS", "EIO"},
	"unlink":     {"EROFS", "EIO"},
	"renameat2":  {"EIO", "ENOSPC"},
	"renameat":   {"EIO", "ENOSPC"},
	"mkdirat":    {"ENOSPC", "EACCES"},
	"utimensat":  {"EIO", "EPERM"},
	"fchmod":     {"EPERM", "EIO"},
	"fchmodat":   {"EPERM", "EIO"},
	"fchown":     {"EPERM"},
	"close":      {"EIO", "ENOSPC"},
	"getdents64": {"EIO", "ENOENT"},
	"statx":      {"EIO", "EACCES"},
	"newfstatat": {"EIO", "EACCES"},
	"fstat":      {"EIO"},
	"stat":       {"EIO", "EACCES"},
	"lstat":      {"EIO", "EACCES"},
	"statfs":     {"EIO"},
	"fstatfs":    {"EIO"},
	"flock":      {"EIO", "ENOLCK"},
	"fcntl":      {"ENOLCK", "EINTR"},
	"socket":     {"EMFILE"},
	"connect":    {"ECONNREFUSED", "ETIMEDOUT"},
	"setsockopt": {"ENOBUFS"},
}

// blows are the calls before which a run is killed.
var blows = []string{"openat2", "write", "pwrite64", "pread64", "fsync", "fcntl", "linkat", "unlinkat", "unlink", "renameat2", "renameat",
	"mkdirat", "utimensat", "ftruncate", "close", "getdents64", "statx", "socket"}

// fault is what strace does to one call: it fails, or the process is killed as it begins.
type fault struct {
	call, how string // "error=EIO", "signal=KILL"
	at        int
}

func (f fault) String() string { return fmt.Sprintf("%s:%s:when=%d", f.call, f.how, f.at) }

var (
	struck = regexp.MustCompile(`(?m)^\d+ +(.*\(INJECTED\).*|.*--- SIGKILL.*|\+\+\+ killed by SIGKILL \+\+\+)$`)
	called = regexp.MustCompile(`(?m)^(\d+) +(\w+)\(`)
)

// traced runs the program under strace, which traces some calls only and may strike one. It
// returns what was written of the calls.
func traced(t *testing.T, w *world, args []string, calls string, inject ...string) (outcome, string) {
	t.Helper()
	log := filepath.Join(w.dir, "strace")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := w.command(ctx, args...)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Fatal(err)
	}
	options := append([]string{"strace", "-f", "--seccomp-bpf", "-qq", "-o", log, "-e", "trace=" + calls}, inject...)
	cmd.Path, cmd.Args = strace, append(options, cmd.Args...)
	// strace that is killed leaves its child running: all of them go together.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	o := w.finish(ctx, cmd)
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	remove(t, log)
	return o, string(text)
}

// needStrace skips the test where no process may trace another.
func needStrace(t *testing.T) {
	t.Helper()
	servers.Need(t, "strace", "strace")
	log := filepath.Join(t.TempDir(), "log")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "strace", "-f", "--seccomp-bpf", "-o", log, "-e", "trace=close", "-e", "inject=close:error=EIO:when=30", "true").CombinedOutput()
	if err != nil {
		t.Skipf("strace may not trace here: %v\n%s", err, out)
	}
}

// count tells how often a run that nobody disturbs makes each call: in the thread that makes
// most of them, for strace counts the calls of each thread apart.
func count(t *testing.T, w *world, args []string) map[string]int {
	t.Helper()
	var all []string
	for call := range failures {
		all = append(all, "?"+call)
	}
	o, log := traced(t, w, args, strings.Join(all, ","))
	o.want(t, 0)
	most, each := map[string]int{}, map[string]int{}
	for _, m := range called.FindAllStringSubmatch(log, -1) {
		if failures[m[2]] == nil {
			continue // one that is newer than strace, which shows it by its number
		}
		each[m[1]+m[2]]++
		most[m[2]] = max(most[m[2]], each[m[1]+m[2]])
	}
	return most
}

// spread returns n numbers from 1 to most, or all of them if they are no more: one at random out of each
// of n equal parts.
func spread(random *rand.Rand, most, n int) (all []int) {
	n = min(n, most)
	for i := range n {
		from, to := i*most/n, (i+1)*most/n
		all = append(all, from+1+random.IntN(to-from))
	}
	return all
}

// A system call that fails, and a kill as one begins, lose, double and undo nothing, and leave
// nothing lying about. Each is tried at a few of the places at which a run makes it; which ones is
// another matter in each run of the test. MAILSYNC_FAULTS=20 tries twenty times as many.
func TestSystemCallsFail(t *testing.T) {
	needStrace(t)
	everyLife(t, func(t *testing.T, l life, random *rand.Rand) {
		l.happen(t)
		faults := faultsOf(t, random, count(t, l.world(), l.run()))
		ended(t, l, outcome{})
		made, killed, calls := 0, 0, 0
		began := time.Now()
		for len(faults) > 0 && time.Since(began) < within(t) {
			f := faults[0]
			faults = faults[1:]
			l.happen(t)
			o, log := traced(t, l.world(), l.run(), f.call, "-e", "inject="+f.String())
			hits := struck.FindAllString(log, -1)
			switch {
			case len(hits) > 0 && o.Code < 0:
				killed++
			case len(hits) > 0:
				made++
				calls += len(hits)
			case f.at > 1: // no thread came so far this time
				f.at /= 2
				faults = append(faults, f)
			}
			if strings.Contains(o.Stderr, "goroutine ") && !strings.Contains(o.Stderr, "runtime: netpollBreak write failed") {
				t.Errorf("it panics:\n%s", o.Stderr)
			}
			ended(t, l, o)
			if t.Failed() {
				t.Fatalf("after %v, exit %d\n%s%s\n%s", f, o.Code, o.Stdout, o.Stderr, strings.Join(hits, "\n"))
			}
		}
		t.Logf("in %d runs %d system calls failed, %d runs were killed as a call began, %d were not tried; %v",
			made, calls, killed, len(faults), time.Since(began).Round(time.Second))
	})
}

// faultsOf are some of the faults that can be made in a run that makes calls so often.
func faultsOf(t *testing.T, random *rand.Rand, most map[string]int) (all []fault) {
	t.Helper()
	for _, call := range slices.Sorted(maps.Keys(most)) {
		errs := failures[call]
		first := random.IntN(len(errs))
		for i, at := range spread(random, most[call], times(t)) {
			all = append(all, fault{call, "error=" + errs[(first+i)%len(errs)], at})
		}
		if slices.Contains(blows, call) {
			for _, at := range spread(random, most[call], times(t)) {
				all = append(all, fault{call, "signal=KILL", at})
			}
		}
	}
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
