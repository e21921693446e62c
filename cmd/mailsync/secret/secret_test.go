package secret

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"mailsync/state"
)

const word = "hush-hush"

func TestSecretNeverPrintsItself(t *testing.T) {
	s := New(word)
	holder := struct {
		User string
		Pass Secret
		Ptr  *Secret
	}{"ada", s, &s}
	var out bytes.Buffer
	for _, v := range []any{s, &s, holder, &holder, []Secret{s}, map[string]Secret{"x": s}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10s", "%T"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(b)
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "v", v)
	}
	fmt.Fprintln(&out, s, error(state.Faultf(state.Login, "log in with %v", s)))
	text := out.String()
	for _, leak := range []string{word, fmt.Sprintf("%x", word), fmt.Sprintf("%X", word), "104 117 115"} {
		if strings.Contains(text, leak) {
			t.Errorf("%q came out", leak)
		}
	}
	if !strings.Contains(text, "[secret]") {
		t.Error("nothing stands in the secret's place")
	}
	if s.Reveal() != word {
		t.Error("Reveal does not give the password")
	}
}

func TestSources(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("SOME_PW", word)
	t.Setenv("EMPTY_PW", "")
	for name, c := range map[string]struct {
		s    Source
		want string // "": an error
	}{
		"env":              {Source{Env: "SOME_PW"}, word},
		"env not set":      {Source{Env: "NO_SUCH_PW"}, ""},
		"env empty":        {Source{Env: "EMPTY_PW"}, ""},
		"literal":          {Source{Literal: New(word)}, word},
		"file":             {Source{File: file("a", word+"\n")}, word},
		"file, no newline": {Source{File: file("b", word)}, word},
		"file, CRLF":       {Source{File: file("c", word+"\r\nmore\r\n")}, word},
		"file, blanks":     {Source{File: file("d", " "+word+" \n")}, " " + word + " "},
		"file empty":       {Source{File: file("e", "\n"+word)}, ""},
		"file missing":     {Source{File: filepath.Join(dir, "none")}, ""},
		"nothing":          {Source{}, ""},
		"no such program":  {Source{Command: []string{"no-such-program-here"}}, ""},
	} {
		got, err := c.s.Read(t.Context())
		if got.Reveal() != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
		if err != nil && (state.KindOf(err) != state.Login || strings.Contains(err.Error(), word)) {
			t.Errorf("%s: %v of kind %d", name, err, state.KindOf(err))
		}
	}
}

func shell(script string, args ...string) []string {
	return append([]string{"sh", "-c", script}, args...)
}

func TestCommand(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("these commands are for a Unix shell")
	}
	for name, c := range map[string]struct {
		argv []string
		want string // "": an error
	}{
		"first line":     {shell("echo hush-hush; echo login: ada"), word},
		"no shell":       {[]string{"echo", "$HOME;x"}, "$HOME;x"},
		"endless output": {shell("echo hush-hush; head -c 3000000 /dev/zero"), word},
		"fails":          {shell("echo hush-hush; exit 1"), ""},
		"fails loudly":   {shell("echo hush-hush >&2; exit 1"), ""},
		"shell words":    {[]string{"printf", "%s", "$(id) `id` a;b |c >d *"}, "$(id) `id` a;b |c >d *"},
		"empty":          {shell("echo; echo hush-hush"), ""},
		"silent":         {[]string{"true"}, ""},
	} {
		got, err := Source{Command: c.argv}.Read(t.Context())
		if got.Reveal() != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
		if err != nil && (state.KindOf(err) != state.Login || strings.Contains(err.Error(), word)) {
			t.Errorf("%s: %v of kind %d", name, err, state.KindOf(err))
		}
	}
}

func TestCommandThatHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("seconds")
	}
	if runtime.GOOS == "windows" {
		t.Skip("these commands are for a Unix shell")
	}
	began := time.Now()
	_, err := Source{Command: shell("sleep 60"), Timeout: 50 * time.Millisecond}.Read(t.Context())
	if state.KindOf(err) != state.Login || !strings.Contains(err.Error(), "did not end in 50ms") {
		t.Errorf("got %v", err)
	}
	if time.Since(began) > 20*time.Second {
		t.Error("it was waited for")
	}
	// A child of the command that holds its output open is not waited for either.
	for name, c := range map[string]struct {
		script, want string
	}{"and it hangs": {"sleep 60 & sleep 60; echo hush-hush", ""}, "and it ends": {"sleep 60 & echo hush-hush", word}} {
		began := time.Now()
		got, err := Source{Command: shell(c.script), Timeout: 5 * time.Second}.Read(t.Context())
		if got.Reveal() != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
		if time.Since(began) > 20*time.Second {
			t.Errorf("%s: the command's child was waited for", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (Source{Command: shell("sleep 60")}).Read(ctx); err != context.Canceled {
		t.Errorf("cancelled: %v", err)
	}
}

// What password_env names is gone from the environment that children get, and kept for
// whoever asks; nothing else goes.
func TestWithdraw(t *testing.T) {
	t.Setenv("ONE_PW", word)
	t.Setenv("OTHER_PW", "hush")
	t.Setenv("NO_PW", "stays")
	sources := []Source{{Env: "ONE_PW"}, {Env: "ONE_PW"}, {Env: "OTHER_PW"}, {Env: "NOT_SET_PW"}, {File: "f"}, {}, {Env: "a=b"}}
	for range 2 { // again is no harm
		Withdraw(sources...)
	}
	for name, want := range map[string]string{"ONE_PW": "", "OTHER_PW": "", "NO_PW": "stays"} {
		if got := os.Getenv(name); got != want {
			t.Errorf("$%s is %q, want %q", name, got, want)
		}
	}
	for i, want := range []string{word, word, "hush", ""} {
		if got, err := sources[i].Read(t.Context()); got.Reveal() != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v; want %q", sources[i].Env, got.Reveal(), err, want)
		}
	}
}

func TestAhead(t *testing.T) {
	t.Setenv("SOME_PW", word)
	ran := filepath.Join(t.TempDir(), "ran")
	for name, c := range map[string]struct {
		s    Source
		want string
	}{
		"literal": {Source{Literal: New(word)}, word}, "env": {Source{Env: "SOME_PW"}, word}, "none": {Source{}, ""},
		"no variable": {Source{Env: "NO_SUCH_PW"}, ""}, "file": {Source{File: ran}, ""}, "command": {Source{Command: []string{"touch", ran}}, ""}, "keyring": {Source{Keyring: "ada@h"}, ""},
	} {
		if got := c.s.Ahead(); got.Reveal() != c.want {
			t.Errorf("%s: %q, want %q", name, got.Reveal(), c.want)
		}
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("the command was run")
	}
}
