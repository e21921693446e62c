//go:build unix

package guides

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/cmd/mailsync/providers"
	"mailsync/internal/testkit/idp"
	"mailsync/internal/testkit/program"
)

var update = flag.Bool("update", false, "write what the commands print into the guides, where that differs")

// guide is a guide that is followed, in a home of its own.
type guide struct {
	t     *testing.T
	home  string
	bin   string            // a folder in $PATH before all others
	hosts map[string]host   // by the names that the guide has for them
	plain map[string]string // what else stands for something else in commands and files
	env   []string
	// provider gives out tokens; nil: the guide has no OAuth.
	provider *idp.Provider
	news     []news // with -update
}

// news is what a command printed in place of lines of the guide.
type news struct {
	line, lines int
	got         string
}

// host is where a server of a guide really is.
type host struct{ addr, ca string }

// follow goes through a guide from its top to its end: it writes the files that it shows and runs the
// commands that it shows, each of which has to succeed and to print what the guide has.
func (g *guide) follow(path string) {
	g.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		g.t.Fatal(err)
	}
	ran := 0
	for _, b := range blocks(string(text)) {
		switch {
		case b.lang == "console":
			ran += g.commands(b)
		case b.lang == "crontab":
			ran += g.crontab(b)
		case b.file() != "":
			g.write(b)
		case b.lang != "":
			g.t.Errorf("%s:%d: a block of %s names no file in its first line, so nobody can test it", path, b.line, b.lang)
		}
	}
	if ran == 0 {
		g.t.Errorf("%s: it has no command", path)
	}
	g.rewrite(path, strings.Split(string(text), "\n"))
}

// rewrite puts what the commands printed into the guide.
func (g *guide) rewrite(path string, lines []string) {
	g.t.Helper()
	if len(g.news) == 0 {
		return
	}
	for _, n := range slices.Backward(g.news) {
		lines = slices.Replace(lines, n.line, n.line+n.lines, strings.Split(strings.TrimSuffix(n.got, "\n"), "\n")...)
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		g.t.Fatal(err)
	}
}

// block is what is between two lines of ``` in a guide.
type block struct {
	lang  string
	line  int // of its beginning
	lines []string
}

func blocks(text string) (all []block) {
	var open *block
	for i, line := range strings.Split(text, "\n") {
		fence := strings.TrimSpace(line)
		switch {
		case open == nil && strings.HasPrefix(fence, "```"):
			open = &block{lang: strings.TrimPrefix(fence, "```"), line: i + 1}
		case open != nil && fence == "```":
			all, open = append(all, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	return all
}

var named = regexp.MustCompile(`^[#;]+ (~/\S+)$`)

// file is the file that a block is, by the comment in its first line; "" for none.
func (b block) file() string {
	if len(b.lines) > 0 {
		if m := named.FindStringSubmatch(b.lines[0]); m != nil {
			return m[1]
		}
	}
	return ""
}

// write writes a file that the guide shows. One that is there is added to.
func (g *guide) write(b block) {
	path := filepath.Join(g.home, strings.TrimPrefix(b.file(), "~/"))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		g.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	text := strings.Join(b.lines, "\n") + "\n"
	if strings.HasSuffix(path, ".toml") {
		text = g.reachable(text)
	}
	if _, err := f.WriteString(g.real(text)); err != nil {
		g.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		g.t.Fatal(err)
	}
}

var (
	hostKey  = regexp.MustCompile(`(?m)^(\s*)host\s*=\s*"([^"]+)".*$`)
	oauthKey = regexp.MustCompile(`(?m)^\s*provider\s*=\s*"([^"]*)"(?:.*\n)+`)
	revokes  = regexp.MustCompile(`(?m)^revoke_url.*\n`)
	userKey  = regexp.MustCompile(`(?m)^\s*user\s*=.*@.*$`)
	portKey  = regexp.MustCompile(`(?m)^\s*(port|tls)\s*=.*\n`)
)

// reachable makes the accounts of a configuration those of the servers of the test.
func (g *guide) reachable(text string) string {
	text = userKey.ReplaceAllString(portKey.ReplaceAllString(text, ""), `user = "ada"`)
	if g.provider != nil {
		text = oauthKey.ReplaceAllStringFunc(text, g.tokensLike)
	}
	return hostKey.ReplaceAllStringFunc(text, func(line string) string {
		m := hostKey.FindStringSubmatch(line)
		h, known := g.hosts[m[2]]
		if !known {
			g.t.Errorf("the guide has a host %s, which the test does not know", m[2])
		}
		ip, port, _ := strings.Cut(h.addr, ":")
		return fmt.Sprintf("%shost = %q\n%sport = %s\n%stls_ca = %q", m[1], ip, m[1], port, m[1], h.ca)
	})
}

// tokensLike is the table of the provider of the test, which revokes tokens only if the guide's provider does.
func (g *guide) tokensLike(text string) string {
	name := oauthKey.FindStringSubmatch(text)[1]
	known, ok := providers.OAuthOf(name)
	if !ok {
		g.t.Errorf("the guide has a provider %q, which mailsync does not know", name)
	}
	if known.RevokeURL == "" {
		return revokes.ReplaceAllString(g.provider.Config(), "")
	}
	return g.provider.Config()
}

// real puts what there is in this test in place of what the guide has.
func (g *guide) real(text string) string {
	for name, is := range g.plain {
		text = strings.ReplaceAll(text, name, is)
	}
	return text
}

// commands runs the commands of a block, and returns how many there were.
func (g *guide) commands(b block) int {
	ran, code := 0, 0
	for i := 0; i < len(b.lines); {
		line, ok := strings.CutPrefix(b.lines[i], "$ ")
		if !ok {
			g.t.Fatalf("line %d: %q is not a command", b.line+i+1, b.lines[i])
		}
		at := b.line + i + 1
		i++
		var want []string
		for ; i < len(b.lines) && !strings.HasPrefix(b.lines[i], "$ "); i++ {
			want = append(want, b.lines[i])
		}
		if line == "echo $?" {
			if got := fmt.Sprint(code); len(want) != 1 || got != want[0] {
				g.t.Errorf("line %d: the exit code is %s, the guide has %q", at, got, want)
			}
			continue
		}
		var got string
		got, code = g.run(line)
		ran++
		shown := i < len(b.lines) && b.lines[i] == "$ echo $?"
		if code != 0 && !shown {
			g.t.Errorf("line %d: %s: exit code %d\n%s", at, line, code, got)
		}
		switch {
		case same(want, g.shown(got)):
		case *update:
			g.news = append(g.news, news{at, len(want), g.shown(got)})
		default:
			g.t.Errorf("line %d: %s\nprints\n%s\nthe guide has\n%s", at, line, got, strings.Join(want, "\n"))
		}
	}
	return ran
}

// shown is what a command printed, with the names that the guide has in place of what there is in this test.
func (g *guide) shown(got string) string {
	for _, name := range slices.Sorted(maps.Keys(g.hosts)) {
		ip, port, _ := strings.Cut(g.hosts[name].addr, ":")
		got = strings.NewReplacer(ip, name, port, "993").Replace(got)
	}
	return strings.ReplaceAll(got, g.home, "/home/ada")
}

// crontab runs the commands of a crontab's lines.
func (g *guide) crontab(b block) int {
	ran := 0
	for i, line := range b.lines {
		if line == "" || strings.HasPrefix(line, "#") || strings.Contains(strings.Fields(line)[0], "=") {
			continue
		}
		fields := strings.Fields(line)
		rest := 5
		if strings.HasPrefix(fields[0], "@") {
			rest = 1
		}
		ran++
		// In a crontab a % has to be escaped.
		if got, code := g.run(strings.ReplaceAll(strings.Join(fields[rest:], " "), `\%`, "%")); code != 0 || got != "" {
			g.t.Errorf("line %d: %s: exit code %d\n%s", b.line+i+1, line, code, got)
		}
	}
	return ran
}

// run runs a command as a shell does, and returns what it printed and its exit code.
func (g *guide) run(command string) (string, int) {
	ctx, cancel := context.WithTimeout(g.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", "exec 2>&1\n"+g.real(command))
	cmd.Dir, cmd.WaitDelay = g.home, 5*time.Second
	cmd.Env = append([]string{"HOME=" + g.home, "PATH=" + g.bin + ":" + os.Getenv("PATH"), "TERM=xterm", "LC_ALL=C.UTF-8",
		"TMPDIR=" + g.t.TempDir()}, g.env...)
	o := program.Run(ctx, g.t, cmd, program.Interruption{})
	return o.Stdout, o.Code
}

// tool puts a script into the folder of programs.
func (g *guide) tool(name, script string) {
	if err := os.WriteFile(filepath.Join(g.bin, name), []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		g.t.Fatal(err)
	}
}

// same reports whether a command printed what a guide has, numbers aside. A line "..." stands for any
// lines, no line for whatever it prints.
func same(want []string, got string) bool {
	if len(want) == 0 {
		return true
	}
	var pattern strings.Builder
	for _, line := range want {
		if line == "..." {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		pattern.WriteString(regexp.QuoteMeta(alike(line)) + `\n`)
	}
	return regexp.MustCompile(`\A` + pattern.String() + `\z`).MatchString(alike(got))
}

var figures = []struct {
	like *regexp.Regexp
	as   string
}{
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?[+-]\d{4}|Z)?)?`), "DATE"},
	{regexp.MustCompile(`-[0-9a-f]{12}/`), "-ID/"},
	{regexp.MustCompile(`\b\d+(\.\d+)?( (ms|s|min|h)\b)`), "TIME"},
	{regexp.MustCompile(`\b\d+(\.\d+)?( (B|KiB|MiB|GiB|TiB)\b)`), "SIZE"},
	{regexp.MustCompile(`\b\d+(\.\d+)?\b`), "N"},
	{regexp.MustCompile(`\b(message|file|flag|account|warning|failure|minute|hour|day|second)s\b`), "$1"},
	{regexp.MustCompile(`\bmailboxes\b`), "mailbox"},
	{regexp.MustCompile(`[ \t]+`), " "},
	{regexp.MustCompile(` \n`), "\n"},
}

// alike leaves only what is the same in each run of a command.
func alike(s string) string {
	for _, f := range figures {
		s = f.like.ReplaceAllString(s, f.as)
	}
	return s
}
