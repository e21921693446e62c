package state

import (
	"errors"
	"fmt"
)

// Kind sorts failures by what the user has to do, and so by exit code.
type Kind int

// The kinds of failure. Their values are the program's exit codes.
const (
	Other       Kind = 1 // one without a code of its own
	Usage       Kind = 2 // usage or configuration
	Locked      Kind = 3 // another run holds the account
	Login       Kind = 4 // log-in refused, or credentials missing
	Unreachable Kind = 5 // server not reachable, timed out, or not available for now
	Braked      Kind = 6 // the brake stopped deletions
	Differs     Kind = 7 // verify found differences
	Storage     Kind = 8 // disk full, not permitted, not mounted, not ours
	Interrupted Kind = 130
)

// Fault is an error with a kind and, where there is something the user can do, a
// hint. Wrap it freely: KindOf and HintOf find it.
type Fault struct {
	Kind Kind
	Err  error
	Tip  string
	// AllOfDisk: a Storage fault of all of the disk, and not of one file or folder:
	// full, over quota, read-only. Nothing can be written until somebody does something.
	AllOfDisk bool
}

// Faultf makes a Fault of a kind; its format is that of fmt.Errorf, %w included.
func Faultf(kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// WithHint adds what to do about it.
func (f *Fault) WithHint(format string, args ...any) *Fault {
	f.Tip = fmt.Sprintf(format, args...)
	return f
}

func (f *Fault) Error() string { return f.Err.Error() }
func (f *Fault) Unwrap() error { return f.Err }

// Hint returns what to do about it, "" if nothing is known to help.
func (f *Fault) Hint() string { return f.Tip }

// OfAllOfDisk marks a fault as one that is about all of the disk.
func (f *Fault) OfAllOfDisk() *Fault {
	f.AllOfDisk = true
	return f
}

// IsAllOfDisk reports whether the first Fault in err's tree is about all of the disk.
func IsAllOfDisk(err error) bool {
	var f *Fault
	return errors.As(err, &f) && f.AllOfDisk
}

// KindOf returns the kind of the first Fault in err's tree, else Other.
func KindOf(err error) Kind {
	var f *Fault
	if errors.As(err, &f) {
		return f.Kind
	}
	return Other
}

// HintOf returns the first hint in err's tree, "" without.
func HintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// ErrOccupied: a file of the same identity with other bytes is in the place
// of a received body.
var ErrOccupied = errors.New("another message has this identity on disk")

// ErrNotPermitted: a mailbox does not let this user make a change, and that nothing was changed.
var ErrNotPermitted = errors.New("this user may not change it")

// ErrRenumbered: a mailbox has another UIDVALIDITY than the one an operation
// was planned for. Nothing was done.
var ErrRenumbered = errors.New("the server numbered the mailbox anew during the run")

// ErrBreaks: something is left out for the rest of the run, for the server ended the connection
// at it, sent nothing or sent what cannot be read, twice, or once where it must not be tried again.
var ErrBreaks = errors.New("given up for this run")
