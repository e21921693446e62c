package docs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// runScript runs a script of .ci in a directory that is a tree of its own, with a shell
// script in place of the go command. It returns what it says and its exit code.
func runScript(t *testing.T, tree, goCommand, script string, args ...string) (said string, code int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("there is no sh")
	}
	text, err := os.ReadFile(filepath.Join("..", ".ci", script))
	if err != nil {
		t.Fatal(err)
	}
	fake := filepath.Join(t.TempDir(), "go")
	for path, text := range map[string]string{
		fake: "#!/bin/sh\n" + goCommand, filepath.Join(tree, ".ci", script): string(text),
		filepath.Join(tree, "place", "place_test.go"): "package place\n\nfunc FuzzPlace(f *testing.F) {}\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, filepath.Join(tree, ".ci", script), args...)
	cmd.Dir, cmd.Env = tree, append(os.Environ(), "GO="+fake)
	out, err := cmd.CombinedOutput()
	if _, exited := err.(*exec.ExitError); err != nil && !exited {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestWhatFailedIsToldAgainAtTheEnd(t *testing.T) {
	said, code := runScript(t, t.TempDir(), "echo ok a; exit 0", "gotest", "./...")
	if said != "ok a\n" || code != 0 {
		t.Errorf("of a run that passed: %d, %q", code, said)
	}

	log := "--- FAIL: TestLong (0.1s)\n" + strings.Repeat("    x_test.go:1: long\n", 500) +
		"--- FAIL: TestShort (0.1s)\n    --- FAIL: TestShort/part (0.1s)\n        x_test.go:2: short\n" +
		"FAIL\nFAIL\tmailsync/x\t1s\nok  \tmailsync/y\t1s\n# mailsync/z\nz.go:1: undefined\n" +
		"panic: test timed out after 12m0s\n\trunning tests:\n\t\tTestHangs (12m0s)\n\ngoroutine 7 [running]:\n" + strings.Repeat("main.f()\n", 500) +
		"FAIL\tmailsync/w\t720s\nFAIL\tmailsync/z [build failed]\nFAIL\n"
	said, code = runScript(t, t.TempDir(), "cat <<'END'\n"+log+"END\nexit 3", "gotest", "./...")
	again, found := strings.CutPrefix(said, log)
	if !found || code != 3 {
		t.Fatalf("%d, %q", code, said)
	}
	if n := strings.Count(again, "\n"); n > 100 {
		t.Errorf("what is told again has %d lines", n)
	}
	for _, want := range []string{"x_test.go:2: short", "z.go:1: undefined"} {
		if !strings.Contains(again, want) {
			t.Errorf("not told again: %s", want)
		}
	}
	_, short, _ := strings.Cut(again, "==== in short ====\n")
	if want := "--- FAIL: TestLong (0.1s)\n--- FAIL: TestShort (0.1s)\n    --- FAIL: TestShort/part (0.1s)\nFAIL\tmailsync/x\t1s\n# mailsync/z\n" +
		"panic: test timed out after 12m0s\n\trunning tests:\n\t\tTestHangs (12m0s)\nFAIL\tmailsync/w\t720s\nFAIL\tmailsync/z [build failed]\n"; short != want {
		t.Errorf("in short: %s", short)
	}
}

// A run of the fuzzer that -fuzztime stopped can fail for that alone; whatever else it
// says, and whatever it writes, is a finding.
func TestWhatTheFuzzerFindsIsAFailure(t *testing.T) {
	const tried = "fuzz: elapsed: 20s, execs: 1234 (0/sec), new interesting: 3 (total: 9)\n"
	const ended = "--- FAIL: FuzzPlace (20.1s)\n    context deadline exceeded\nFAIL\n"
	for name, c := range map[string]struct {
		said  string
		code  int
		input bool
		found bool
	}{
		"passed":                        {tried + "PASS\n", 0, false, false},
		"ended by its time":             {tried + ended, 1, false, false},
		"no time for new ones":          {"fuzz: elapsed: 20s, gathering baseline coverage: 10/12 completed\nPASS\n", 0, false, false},
		"a finding":                     {tried + "--- FAIL: FuzzPlace (3s)\n    --- FAIL: FuzzPlace (0.00s)\n        x_test.go:3: context deadline exceeded\nFAIL\n", 1, false, true},
		"an input, and ended by time":   {tried + ended, 1, true, true},
		"a panic, and ended by time":    {tried + "panic: oh\n" + ended, 2, false, true},
		"another target ended":          {tried + strings.Replace(ended, "FuzzPlace", "FuzzOther", 1), 1, false, true},
		"nothing was tried":             {"testing: warning: no fuzz tests to fuzz\nPASS\n", 0, false, true},
		"failed and said nothing":       {"", 1, false, true},
		"failed, but said that it went": {tried + "PASS\n", 1, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			program := "#!/bin/sh\n"
			if c.input {
				program += "mkdir -p testdata/fuzz/FuzzPlace; echo the input >testdata/fuzz/FuzzPlace/new\n"
			}
			program += fmt.Sprintf("cat <<'END'\n%sEND\nexit %d\n", c.said, c.code)
			said, code := runScript(t, t.TempDir(), `[ "$1" = env ] && { echo /nowhere; exit; }
while [ "$1" != -o ]; do shift; done
cat >"$2" <<'PROGRAM'
`+program+`PROGRAM
chmod +x "$2"`, "fuzz", "20s", "FuzzPlace")
			if (code != 0) != c.found || strings.Contains(said, "FOUND") != c.found || strings.Contains(said, "the input") != c.input {
				t.Errorf("%d, %s", code, said)
			}
		})
	}
}
