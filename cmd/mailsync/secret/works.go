package secret

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/zalando/go-keyring"
)

// KeyringWorks reports whether the user's keyring answers now: it is asked for a word that it does not have.
func KeyringWorks(ctx context.Context) bool {
	if !hasBus() {
		return false
	}
	const limit = 2 * time.Second // it may want to be unlocked
	_, err := await(ctx, limit, func() (string, error) { return keyring.Get(KeyringService, "nobody@keyring.test") })
	return err == nil || errors.Is(err, keyring.ErrNotFound)
}

// hasBus reports whether there is what a keyring is asked through. Where there is no D-Bus the library
// would start one, which outlives the program.
func hasBus() bool {
	if runtime.GOOS == "darwin" || runtime.GOOS == "windows" || os.Getenv("DBUS_SESSION_BUS_ADDRESS") != "" {
		return true
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	_, err := os.Stat(filepath.Join(dir, "bus"))
	return dir != "" && err == nil
}
