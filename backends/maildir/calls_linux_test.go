package maildir_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/backends/maildir"
	"mailsync/internal/testkit/servers"
	"mailsync/state"
)

// laborsVar makes a test of this binary the child that strace watches: which labor, how often, and where.
const laborsVar = "MAILSYNC_TEST_LABOR"

// labors are what is counted. Each prepares a Maildir and returns what is done to message n.
var labors = map[string]func(t *testing.T, md *maildir.Maildir, n int) func(uid state.UID){
	"deliver": func(t *testing.T, md *maildir.Maildir, _ int) func(state.UID) {
		return func(uid state.UID) { deliver(t, md, uid, state.Seen, bodies[1]) }
	},
	"flag": func(t *testing.T, md *maildir.Maildir, n int) func(state.UID) {
		names := deliverSome(t, md, n)
		return func(uid state.UID) {
			if _, err := md.Flag(names[uid-1], state.Flagged, state.Flagged, &state.Keywords{}); err != nil {
				t.Fatal(err)
			}
		}
	},
	"read": func(t *testing.T, md *maildir.Maildir, n int) func(state.UID) {
		names := deliverSome(t, md, n)
		return func(uid state.UID) {
			if _, err := md.Inspect(names[uid-1], nil); err != nil {
				t.Fatal(err)
			}
		}
	},
	"mark": func(t *testing.T, md *maildir.Maildir, _ int) func(state.UID) {
		return func(state.UID) {
			if _, err := md.Mark(); err != nil {
				t.Fatal(err)
			}
		}
	},
}

func deliverSome(t *testing.T, md *maildir.Maildir, n int) (names []string) {
	t.Helper()
	for i := range n {
		names = append(names, deliver(t, md, state.UID(i+1), state.Seen, bodies[1]))
	}
	if err := md.Sync(); err != nil {
		t.Fatal(err)
	}
	return names
}

// mark is a file that is looked for where the counting begins and ends.
const mark = "mark of the count"

func TestLaborOfTheChild(t *testing.T) {
	labor, rest, _ := strings.Cut(os.Getenv(laborsVar), ",")
	count, dir, _ := strings.Cut(rest, ",")
	if labor == "" {
		t.Skip("only as a child of TestSystemCalls")
	}
	n, err := strconv.Atoi(count)
	if err != nil {
		t.Fatal(err)
	}
	md := realInbox(t, dir)
	scan(t, md)
	do := labors[labor](t, md, n)
	os.Stat(mark)
	for uid := range n {
		do(state.UID(uid + 1))
	}
	if err := md.Sync(); err != nil {
		t.Fatal(err)
	}
	os.Stat(mark)
}

var callOf = regexp.MustCompile(`^(?:\d+ +)?(\w+)\(`)

// callsOf counts the system calls about files and descriptors that a labor makes.
func callsOf(t *testing.T, labor string, n int) map[string]int {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "strace", "-f", "-qq", "-o", log, "-e", "trace=%file,%desc", os.Args[0], "-test.run", "^TestLaborOfTheChild$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s,%d,%s", laborsVar, labor, n, t.TempDir()))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(text), mark)
	if len(parts) != 3 {
		t.Fatalf("%d marks", len(parts)-1)
	}
	calls := map[string]int{}
	for line := range strings.Lines(parts[1]) {
		m := callOf.FindStringSubmatch(line)
		if m != nil && !strings.HasPrefix(m[1], "epoll") && m[1] != "mmap" { // memory, of which a race detector needs more
			calls[m[1]]++
		}
	}
	return calls
}

// How many system calls it takes to deliver a message, to change its flags, and to read it: these are most of what the
// processor does in a pull. There is room for what is done once: folders are opened, the first file's mode is
// looked at, and the folders are fsynced.
func TestSystemCalls(t *testing.T) {
	servers.Need(t, "strace", "strace")
	if out, err := exec.Command("strace", "-f", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v\n%s", err, out)
	}
	const n, once = 200, 40
	for labor, most := range map[string]int{
		"deliver": 6, // open, write, set times, fsync, close, rename
		"flag":    1, // rename
		"read":    7, // look at it (3), open, read, read to the end, close
		"mark":    6, // open, four looks, close: once a mailbox, where nothing is new
	} {
		t.Run(labor, func(t *testing.T) {
			calls, sum := callsOf(t, labor, n), 0
			for _, c := range calls {
				sum += c
			}
			if sum > n*most+once {
				t.Errorf("%.2f calls each, want %d", float64(sum)/n, most)
			}
			for _, call := range slices.Sorted(maps.Keys(calls)) {
				t.Logf("%-12s %.2f", call, float64(calls[call])/n)
			}
		})
	}
}

// A signal may interrupt any system call of a file on a network or a program's file system, and Go sends signals to its own
// threads: the call is made again, and nothing fails.
func TestInterruptedCalls(t *testing.T) {
	servers.Need(t, "strace", "strace")
	if out, err := exec.Command("strace", "-f", "-o", os.DevNull, "true").CombinedOutput(); err != nil {
		t.Skipf("strace may not trace here: %v\n%s", err, out)
	}
	for _, call := range []string{"openat", "openat2", "write", "utimensat", "fsync", "renameat2", "fchmod", "fstat", "statx", "getdents64"} {
		t.Run(call, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			log := filepath.Join(t.TempDir(), "log")
			cmd := exec.CommandContext(ctx, "sh", "-c", `umask 277; exec "$@"`, "sh", // the mode of each file has to be set
				"strace", "-f", "-qq", "-o", log, "-e", "trace="+call, "-e", "inject="+call+":error=EINTR:when=1+2",
				os.Args[0], "-test.run", "^TestLaborOfTheChild$")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=deliver,20,%s", laborsVar, t.TempDir()))
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if text, err := os.ReadFile(log); err != nil || !strings.Contains(string(text), "(INJECTED)") {
				t.Errorf("nothing was interrupted: %v", err)
			}
		})
	}
}
