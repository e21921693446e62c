package secret

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/zalando/go-keyring"

	"mailsync/state"
)

// commandTimeout bounds password_command: one that waits for somebody at the keyboard must not
// hang cron.
const commandTimeout = 30 * time.Second

// maxOutput bounds what is read of a password's file or command, in bytes.
const maxOutput = 64 << 10

// Source is where a password is. Exactly one of its first fields is set; the zero Source has none.
type Source struct {
	Command []string // argv, no shell; the first line of its output
	File    string   // the first line of this file
	Env     string   // the whole value of this variable
	Keyring string   // USER@HOST, as the user's keyring has it
	Literal Secret   // written in the configuration
	// Ask asks somebody; an account without a configuration has it. Again is told that the answer was refused, and
	// reports whether Ask will ask once more.
	Ask   func(context.Context) (Secret, error)
	Again func(refused error) bool

	Credential string // name of a credential of systemd's

	// Key is the configuration key of a Command that is not password_command.
	Key string

	// Timeout of Command, File, Credential and Keyring; 0 means 30 seconds.
	Timeout time.Duration
}

// None reports whether no source is set.
func (s Source) None() bool {
	return len(s.Command) == 0 && s.File == "" && s.Env == "" && s.Keyring == "" && s.Credential == "" && s.Literal.Empty() && s.Ask == nil
}

// Kind is the configuration key of a source.
func (s Source) Kind() string {
	switch {
	case len(s.Command) > 0:
		return cmp.Or(s.Key, "password_command")
	case s.File != "":
		return "password_file"
	case s.Env != "":
		return "password_env"
	case s.Keyring != "":
		return "password_keyring"
	case s.Credential != "":
		return "password_credential"
	}
	return "password"
}

// Read reads the password. Every failure is a state.Fault that names the source and nothing of its
// content, of kind Login but for a file that others can read, which is of kind Usage; the error of a cancelled ctx is returned as it is.
func (s Source) Read(ctx context.Context) (Secret, error) {
	switch {
	case len(s.Command) > 0:
		return s.fromCommand(ctx)
	case s.File != "":
		return s.inTime(ctx, "password_file: "+s.File, func() (Secret, error) { return ReadFile("password_file", s.File) })
	case s.Env != "":
		return fromEnv(s.Env)
	case s.Keyring != "":
		return s.fromKeyring(ctx)
	case s.Ask != nil:
		return s.Ask(ctx)
	case s.Credential != "":
		return s.inTime(ctx, "password_credential", func() (Secret, error) { return fromCredential(s.Credential) })
	case !s.Literal.Empty():
		return s.Literal, nil
	}
	return Secret{}, state.Faultf(state.Login, "no password is configured")
}

// inTime reads a file, which may be a pipe into which nobody writes, or on a network that is gone.
func (s Source) inTime(ctx context.Context, what string, read func() (Secret, error)) (Secret, error) {
	limit := cmp.Or(s.Timeout, commandTimeout)
	word, err := await(ctx, limit, read)
	if errors.Is(err, errTooLate) {
		return Secret{}, state.Faultf(state.Login, "%s: nothing could be read in %v", what, limit).
			WithHint("is it a pipe into which nobody writes, or on a network that is gone?")
	}
	return word, err
}

// errTooLate: what was waited for did not end in time.
var errTooLate = errors.New("too late")

// await waits for what cannot be interrupted. Once its time is up, or ctx ends, it is left to itself.
func await[T any](ctx context.Context, limit time.Duration, do func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	got := make(chan answer, 1)
	go func() {
		value, err := do()
		got <- answer{value, err}
	}()
	var none T
	select {
	case a := <-got:
		return a.value, a.err
	case <-time.After(limit):
		return none, errTooLate
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// Ahead returns the password where this process has it already, else the zero Secret: it asks
// nobody and reads no file, which may be a pipe.
func (s Source) Ahead() Secret {
	if word, _ := lookup(s.Env); s.Env != "" {
		return New(word)
	}
	return s.Literal
}

func (s Source) fromCommand(ctx context.Context) (Secret, error) {
	limit := cmp.Or(s.Timeout, commandTimeout)
	timed, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := &head{}
	cmd := exec.CommandContext(timed, s.Command[0], s.Command[1:]...)
	cmd.Stdout = out            // stderr is not read: it may show the password
	cmd.WaitDelay = time.Second // a grandchild may hold the pipes open
	err := runUntil(ctx, cmd)
	if ctx.Err() != nil {
		return Secret{}, context.Cause(ctx)
	}
	name := s.Command[0]
	switch {
	case timed.Err() != nil:
		return Secret{}, state.Faultf(state.Login, "%s: %s did not end in %v", s.Kind(), name, limit).
			WithHint("run it by hand; it may be waiting for a passphrase")
	case errors.Is(err, exec.ErrNotFound):
		return Secret{}, state.Faultf(state.Login, "%s: %s is not in $PATH", s.Kind(), name).
			WithHint("write the program's full path; no shell is used")
	case errors.As(err, new(*fs.PathError)): // it was not started
		return Secret{}, state.Faultf(state.Login, "%s: %w", s.Kind(), err).WithHint("write the program's full path; no shell is used")
	case err != nil && !errors.Is(err, exec.ErrWaitDelay):
		return Secret{}, state.Faultf(state.Login, "%s: %s: %w", s.Kind(), name, err).
			WithHint("run it by hand to see its output; that is not shown here, because it could hold the password")
	}
	return notEmpty(firstLine(out.Bytes()), s.Kind()+": "+name+": the first line of its output")
}

// runUntil runs a command that ctx kills. After that nothing is waited for that its children hold open.
func runUntil(ctx context.Context, cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(killed):
		return ctx.Err()
	}
}

// killed is how long a program that is killed may take to be gone.
const killed = 100 * time.Millisecond

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return strings.TrimSuffix(string(line), "\r")
}

// head keeps the first maxOutput bytes of what is written to it and drops the rest, so that a
// command that prints without end costs no memory.
type head struct{ bytes.Buffer }

func (h *head) Write(p []byte) (int, error) {
	if room := maxOutput - h.Len(); room > 0 {
		h.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// ReadFrom is Write for io.Copy, which would else go past the bound.
func (h *head) ReadFrom(r io.Reader) (int64, error) {
	return io.Copy(struct{ io.Writer }{h}, r)
}

// KeyringService is the service under which the keyring has our passwords.
const KeyringService = "mailsync"

// fromKeyring asks the keyring of the user's session for a password. It waits for one that has
// to be unlocked as long as for password_command.
func (s Source) fromKeyring(ctx context.Context) (Secret, error) {
	limit := cmp.Or(s.Timeout, commandTimeout)
	word, err := await(ctx, limit, func() (string, error) { return keyring.Get(KeyringService, s.Keyring) })
	switch {
	case err == nil:
		return notEmpty(word, "password_keyring: the password of "+s.Keyring)
	case ctx.Err() != nil:
		return Secret{}, context.Cause(ctx)
	case errors.Is(err, errTooLate):
		return Secret{}, state.Faultf(state.Login, "password_keyring: no answer in %v", limit).
			WithHint("the keyring may be locked: unlock it, or log in to the desktop")
	case errors.Is(err, keyring.ErrNotFound):
		return Secret{}, state.Faultf(state.Login, "password_keyring: the keyring has no password of %s", s.Keyring).
			WithHint("store it: %s", storeIn(s.Keyring))
	}
	return Secret{}, state.Faultf(state.Login, "password_keyring: %w", err).
		WithHint("cron and servers often have no keyring; password_command and password_file work without one")
}

// storeIn is a command that puts a password into the keyring of this system.
func storeIn(user string) string {
	switch runtime.GOOS {
	case "darwin":
		return "security add-generic-password -s " + KeyringService + " -a '" + user + "' -w"
	case "windows":
		return "cmdkey /generic:" + KeyringService + ":" + user + " /user:" + user + " /pass"
	}
	return "secret-tool store --label=mailsync service " + KeyringService + " username '" + user + "'"
}
