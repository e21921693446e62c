package secret

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"mailsync/state"
)

// ReadFile returns the first line of a secret's file, which key names. Its errors are those of ReadPrivate.
func ReadFile(key, path string) (Secret, error) {
	text, err := ReadPrivate(key, path)
	if err != nil {
		return Secret{}, err
	}
	return notEmpty(firstLine(text), key+": the first line of "+path)
}

// ReadPrivate returns what a secret's file holds, which key names, up to a sensible length. A file that group or others
// can read is a state.Fault of kind Usage, any other failure one of kind Login. What is no file (a pipe, /dev/stdin,
// the <(…) of a shell) has no mode that means anything; what a link points to counts, and not the link.
func ReadPrivate(key, path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, state.Faultf(state.Login, "%s: %w", key, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, state.Faultf(state.Login, "%s: %w", key, err)
	}
	if mode := info.Mode(); mode.IsRegular() && mode.Perm()&0o077 != 0 && !isGuarded(path) {
		return nil, state.Faultf(state.Usage, "%s: group or others can read %s (mode %04o)", key, path, mode.Perm()).
			WithHint("chmod 600 %s", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxOutput))
	if err != nil {
		return nil, state.Faultf(state.Login, "%s: %w", key, err)
	}
	return text, nil
}

// isGuarded reports whether the mode of a file tells nothing of who can read it: on Windows there are no
// modes, /dev/stdin and /dev/fd are what this process was given, and systemd's credentials are in a directory
// that nobody else can enter, with an ACL that shows as a group's right.
func isGuarded(path string) bool {
	if runtime.GOOS == "windows" {
		return true
	}
	below := func(dir string) bool {
		rel, err := filepath.Rel(dir, path)
		return err == nil && filepath.IsLocal(rel)
	}
	dir := os.Getenv(credentials)
	return path == "/dev/stdin" || below("/dev/fd") || below("/proc/self/fd") || filepath.IsAbs(dir) && below(dir)
}

// credentials is the variable with which systemd names the directory of a unit's credentials (systemd.exec(5)).
const credentials = "CREDENTIALS_DIRECTORY"

// IsCredential reports whether systemd takes a name for a credential.
func IsCredential(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 &&
		!strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`/\:`, r) })
}

// fromCredential returns the first line of a credential.
func fromCredential(name string) (Secret, error) {
	const key = "password_credential"
	hint := "put LoadCredential=" + name + ":/path/to/its/file (or LoadCredentialEncrypted=) into the [Service] section of mailsync's unit"
	dir := os.Getenv(credentials)
	if dir == "" {
		return Secret{}, state.Faultf(state.Login, "%s: $%s is not set; systemd sets it for a unit with credentials", key, credentials).
			WithHint("%s", hint)
	}
	word, err := ReadFile(key, filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return Secret{}, state.Faultf(state.Login, "%s: the unit has no credential %s", key, name).WithHint("%s", hint)
	}
	return word, err
}
