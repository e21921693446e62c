package port

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"mailsync/state"
)

// SaidBy reports whether the server's failure, nil for none, says what there is to say of a message that was
// not sent.
func SaidBy(failed error, a state.Appended) bool {
	return failed != nil && Ends(failed) && (a.Doubt == state.Unsure || a.Doubt == state.CutOff)
}

// Ignore is nil for a file or a folder that is not there.
func Ignore(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Wrap says what was tried; nil stays nil.
func Wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// OneFiles says what became of a file that could not be read: the error is its own, unless the run is to end.
func OneFiles(ctx context.Context, err error) (error, bool) {
	switch {
	case ctx.Err() != nil || Ends(err):
		return err, false
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("it was gone when it was to be read"), true
	}
	return err, true
}
