package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
)

// What is made before main, in every run from cron, stays little. Allocations are counted, which are the same on
// every machine; the time of all that is some 1.2 ms. A table, a regular expression or a map that a package
// makes when the program starts belongs into a function, or behind sync.OnceValue.
func TestStartUpMakesLittle(t *testing.T) {
	cmd := exec.Command(program.Path(t), "version")
	cmd.Env = append(os.Environ(), "GODEBUG=inittrace=1")
	var trace strings.Builder
	cmd.Stderr = &trace
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	var all, ours struct{ octets, allocs int }
	for _, m := range regexp.MustCompile(`(?m)^init (\S+) .* (\d+) bytes, (\d+) allocs`).FindAllStringSubmatch(trace.String(), -1) {
		octets, _ := strconv.Atoi(m[2])
		allocs, _ := strconv.Atoi(m[3])
		all.octets, all.allocs = all.octets+octets, all.allocs+allocs
		if m[1] == "main" || strings.HasPrefix(m[1], "mailsync/") {
			ours.octets, ours.allocs = ours.octets+octets, ours.allocs+allocs
			if allocs > 55 || octets > 4_000 {
				t.Errorf("%s makes %d objects of %d octets", m[1], allocs, octets)
			}
		}
	}
	t.Logf("all packages: %+v; ours: %+v", all, ours)
	if all.allocs == 0 || ours.allocs > 110 || ours.octets > 8_000 {
		t.Errorf("our packages make %d objects of %d octets", ours.allocs, ours.octets)
	}
	if all.allocs > 950 || all.octets > 180_000 { // the environment is part of it
		t.Errorf("all packages make %d objects of %d octets", all.allocs, all.octets)
	}
}
