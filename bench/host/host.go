// Package host lets a command start the servers that are made for tests.
package host

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// Host is what a server asks of a test, for a command. What a test would fail with is an
// error of Guard or Close.
type Host struct {
	testing.TB
	cleanups []func()
	errs     []error
}

// failure is how Fatal ends what Guard runs.
type failure struct{ error }

// Guard runs f, and returns what a test would have ended with.
func (h *Host) Guard(f func(t testing.TB) error) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			err = p.error
		default:
			panic(p)
		}
	}()
	return f(h)
}

// Close ends the servers, the last one first, and returns every error since the beginning.
func (h *Host) Close() error {
	return h.Guard(func(testing.TB) error {
		for len(h.cleanups) > 0 {
			last := h.cleanups[len(h.cleanups)-1]
			h.cleanups = h.cleanups[:len(h.cleanups)-1]
			last()
		}
		return errors.Join(h.errs...)
	})
}

// The methods below do for a command what testing.TB says they do for a test.

// Helper does nothing.
func (*Host) Helper() {}

// Cleanup calls f at Close.
func (h *Host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }

// Failed reports whether there was an error.
func (h *Host) Failed() bool { return len(h.errs) > 0 }

// Log writes to stderr.
func (*Host) Log(args ...any) { fmt.Fprintln(os.Stderr, args...) }

// Logf writes to stderr.
func (*Host) Logf(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// Error is an error of Close.
func (h *Host) Error(args ...any) { h.errs = append(h.errs, errors.New(fmt.Sprint(args...))) }

// Errorf is an error of Close.
func (h *Host) Errorf(format string, args ...any) {
	h.errs = append(h.errs, fmt.Errorf(format, args...))
}

// Fatal ends Guard.
func (*Host) Fatal(args ...any) { panic(failure{errors.New(fmt.Sprint(args...))}) }

// Fatalf ends Guard.
func (*Host) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }

// Skip ends Guard: a command has nothing to skip.
func (h *Host) Skip(args ...any) { h.Fatal(args...) }
