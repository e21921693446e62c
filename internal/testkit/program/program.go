// Package program is the program under test, for the tests that run it as a user does: it is
// built once a test binary, a run of it is followed to its end, and what it tells of an
// account in JSON can be read.
package program

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// Tests are those of a test binary that run the program. TestMain runs them through it.
type Tests struct{ M interface{ Run() int } }

// folder is where the program lies while Tests run.
var folder string

// Run runs the tests with a folder for the program, and returns the exit code.
func (ts Tests) Run() int {
	var err error
	if folder, err = os.MkdirTemp("", "mailsync-program-"); err == nil {
		defer os.RemoveAll(folder)
		err = os.Chmod(folder, 0o755) // some tests run the program as another user
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return ts.M.Run()
}

// Path is where the program lies. It is built when the first test asks.
func Path(t testing.TB) string {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: the program is not built")
	}
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var built = sync.OnceValues(func() (string, error) {
	if folder == "" {
		return "", errors.New("TestMain does not run program.Tests")
	}
	path := filepath.Join(folder, "mailsync")
	if out, err := exec.Command("go", "build", "-o", path, "mailsync/cmd/mailsync").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})
