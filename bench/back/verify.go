package back

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

// startVerify pulls, and makes sure that verify would see one changed octet.
func startVerify(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	w, err := start(ctx, g, s)
	if err != nil {
		return nil, err
	}
	if err := w.provoke(ctx); err != nil {
		return nil, err
	}
	var all []row.Contender
	for _, name := range []string{"mailsync", "before"} {
		if w.programs[name] != "" {
			all = append(all, one(name, verify, func(ctx context.Context) (host.Cost, error) {
				return w.Launch(ctx, w.command(ctx, name, "verify", "work"))
			}))
		}
	}
	if s.Before == "" {
		all = append(all, one(hashing, verify, w.hash))
	}
	return all, nil
}

// provoke changes one octet of one file: verify has to find it, or what is measured is not the work.
func (w *world) provoke(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(w.maildir("work", "ada"), "INBOX", "cur", "*"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no files in INBOX: %w", err)
	}
	file := files[len(files)/2]
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	right, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	wrong := append([]byte(nil), right...)
	wrong[len(wrong)/2] ^= 1
	put := func(b []byte) error {
		return errors.Join(os.WriteFile(file, b, 0o600), os.Chtimes(file, info.ModTime(), info.ModTime()))
	}
	if err := put(wrong); err != nil {
		return err
	}
	err = w.command(ctx, "mailsync", "verify", "work").Run()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		return fmt.Errorf("verify did not find a changed octet: %w", err)
	}
	return put(right)
}

// hashDir makes this program one that hashes what is below a folder.
const hashDir = "MAILSYNC_BENCH_HASH"

// Hasher ends the process where it was started to hash.
func Hasher() {
	dir := os.Getenv(hashDir)
	if dir == "" {
		return
	}
	if err := hashAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func (w *world) hash(ctx context.Context) (host.Cost, error) {
	self, err := w.Self()
	if err != nil {
		return host.Cost{}, err
	}
	cmd := exec.CommandContext(ctx, self)
	cmd.Env = append(os.Environ(), hashDir+"="+w.maildir("work", "ada"))
	return w.Launch(ctx, cmd)
}

// hashAll reads and hashes every file below a folder, as many at once as there are processors.
func hashAll(dir string) error {
	files := make(chan string, 256)
	errs := make([]error, runtime.NumCPU())
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() {
			for f := range files {
				b, err := os.ReadFile(f)
				sha256.Sum256(b)
				errs[i] = errors.Join(errs[i], err)
			}
		})
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			files <- path
		}
		return err
	})
	close(files)
	all.Wait()
	return errors.Join(append(errs, err)...)
}
