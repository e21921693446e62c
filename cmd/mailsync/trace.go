package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"mailsync/state"
)

// trace is the file that --trace asks for: the protocol log of all accounts, each line with the
// account's name in front. Whoever writes has removed the secrets.
type trace struct {
	mu     sync.Mutex
	file   *os.File
	failed error
	closed bool
}

// openTrace empties or creates the file, for the user alone, also where others could read it
// before; nil without a path. A terminal, a pipe or a device keeps its mode.
func openTrace(path string) (*trace, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, state.Faultf(state.Storage, "--trace: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = f.Chmod(0o600) // before the first octet is written
	}
	if err != nil {
		_ = f.Close()
		return nil, state.Faultf(state.Storage, "--trace: %w", err)
	}
	return &trace{file: f}, nil
}

// of returns the writer for an account's connections; nil without a trace.
func (t *trace) of(account string) io.Writer {
	if t == nil {
		return nil
	}
	return traceWriter{t, account}
}

type traceWriter struct {
	t       *trace
	account string
}

// Write takes one line. An error does not stop the run that is traced; close returns it. What comes after that, as
// an answer to LOGOUT that nobody waits for, is dropped.
func (w traceWriter) Write(line []byte) (int, error) {
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	if w.t.closed {
		return len(line), nil
	}
	_, err := fmt.Fprintf(w.t.file, "%s %s %s", time.Now().Format("15:04:05.000"), w.account, line)
	if w.t.failed == nil {
		w.t.failed = err
	}
	return len(line), nil
}

func (t *trace) close() error {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	err := t.file.Close()
	if t.failed != nil {
		err = t.failed
	}
	if err != nil {
		return state.Faultf(state.Storage, "--trace: %w", err)
	}
	return nil
}
