//go:build unix

package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
)

// decade is how far a clock is set wrong, in seconds.
const decade = 10 * 365 * 24 * 60 * 60

// clocks builds the program three times: with the clock as it is ("now"), and ten years
// back ("earlier") and ahead ("later").
//
// A program without libc asks the kernel itself what time it is, so nothing can be put in
// between. In its place the package time is compiled once more, with a time.Now that
// is wrong, and linked with all else as it was built before.
func clocks(t *testing.T) map[string]string {
	t.Helper()
	if testing.Short() {
		t.Skip("it compiles and links")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "importcfg")
	list := tool(t, "list", "-export", "-deps", "-f", "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}", ".")
	if err := os.WriteFile(config, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"now":     program.Path(t),
		"earlier": linked(t, dir, list, patched(t, dir, config, -decade)),
		"later":   linked(t, dir, list, patched(t, dir, config, decade)),
	}
}

// patched compiles the package time with a clock that is wrong by some seconds.
func patched(t *testing.T, dir, config string, seconds int) string {
	t.Helper()
	where := strings.TrimSpace(tool(t, "list", "-f", "{{.Dir}}", "time"))
	files := strings.Fields(tool(t, "list", "-f", "{{range .GoFiles}}{{$.Dir}}/{{.}} {{end}}", "time"))
	at := slices.Index(files, filepath.Join(where, "time.go"))
	if at < 0 {
		t.Fatalf("the package time has no time.go: %q", files)
	}
	text, err := os.ReadFile(files[at])
	if err != nil {
		t.Fatal(err)
	}
	// In the same line: whoever imports the package must not see that it is another one.
	const right = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(text), right) != 1 {
		t.Fatalf("time.Now begins in another way than this test knows: see %s", files[at])
	}
	wrong := strings.TrimSuffix(right, "\n") + fmt.Sprintf("; sec += %d\n", seconds)
	src := filepath.Join(dir, fmt.Sprint("src", seconds))
	if err := os.Mkdir(src, 0o700); err != nil {
		t.Fatal(err)
	}
	files[at] = filepath.Join(src, "time.go")
	if err := os.WriteFile(files[at], []byte(strings.Replace(string(text), right, wrong, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	version := strings.TrimSpace(tool(t, "env", "GOVERSION"))
	language, _, _ := strings.Cut(strings.TrimPrefix(version, "go1."), ".")
	out := filepath.Join(src, "time.a")
	tool(t, append([]string{"tool", "compile", "-o", out, "-p", "time", "-std", "-lang=go1." + language, "-goversion", version,
		"-nolocalimports", "-trimpath", src + "=>$GOROOT/src/time", "-importcfg", config, "-pack"}, files...)...)
	return out
}

// linked links the program with another package time.
func linked(t *testing.T, dir, list, archive string) string {
	t.Helper()
	program := ""
	lines := strings.Split(list, "\n")
	for i, line := range lines {
		pkg, file, _ := strings.Cut(strings.TrimPrefix(line, "packagefile "), "=")
		switch pkg {
		case "time":
			lines[i] = "packagefile time=" + archive
		case "mailsync/cmd/mailsync":
			program = file
		}
	}
	config := archive + ".cfg"
	if err := os.WriteFile(config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	out := archive + ".mailsync"
	tool(t, "tool", "link", "-o", out, "-importcfg", config, "-buildmode=exe", program)
	return out
}

// tool runs the go command.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args[:2], " "), err, stderr.String())
	}
	return string(out)
}
