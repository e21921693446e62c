package pull

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

// writers is how many threads write.
const writers = 4

// writeAll writes the messages that the server has as a Maildir's delivery does, and nothing
// else: what the disk takes. It is measured in this process; the messages are in memory before.
func (m *measured) writeAll(ctx context.Context) (row.Phases, error) {
	if err := m.fresh(); err != nil {
		return nil, err
	}
	type box struct {
		dir    string
		bodies [][]byte
	}
	var all []box
	for _, name := range m.world.names() {
		bodies, err := readAll(filepath.Join(m.world.maildir(m.account, name), "cur"))
		if err != nil {
			return nil, err
		}
		all = append(all, box{filepath.Join(m.dir, filepath.FromSlash(name)), bodies})
	}
	host.Settle()
	// Threads that wait for the disk, as those of any other language do: not for one of Go's processors.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + writers))
	began := time.Now()
	for _, b := range all {
		if err := errors.Join(writeMaildir(b.dir, b.bodies), ctx.Err()); err != nil {
			return nil, err
		}
	}
	return row.Phases{first: {Wall: time.Since(began)}}, nil
}

// readAll is every message of a folder, with the line ends that it gets on disk.
func readAll(dir string) (bodies [][]byte, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		bodies = append(bodies, toLF(b))
	}
	return bodies, nil
}

// writeMaildir writes messages with several threads, each file synced, the folder at the end.
func writeMaildir(dir string, bodies [][]byte) error {
	for _, sub := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	errs := make([]error, writers)
	var all sync.WaitGroup
	for t := range writers {
		all.Go(func() {
			for i := t; i < len(bodies) && errs[t] == nil; i += writers {
				errs[t] = writeFile(root, strconv.Itoa(i), bodies[i])
			}
		})
	}
	all.Wait()
	cur, err := root.Open("cur")
	if err != nil {
		return err
	}
	return errors.Join(errors.Join(errs...), cur.Sync(), cur.Close())
}

// writeFile delivers one file.
func writeFile(maildir *os.Root, name string, body []byte) error {
	temporary := filepath.Join("tmp", name)
	f, err := maildir.OpenFile(temporary, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return maildir.Rename(temporary, filepath.Join("cur", name+":2,S"))
}
