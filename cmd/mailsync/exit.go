package main

import (
	"context"
	"errors"

	"mailsync/state"
)

// exitCode is the program's exit code for the kinds of everything that went wrong: none
// is 0, one kind has its own code whether or not the rest was done, several are 1. A run
// that was interrupted says so whatever else there was, with the code of its signal.
func exitCode(kinds []state.Kind, interrupted int) int {
	code := 0
	for _, k := range kinds {
		switch {
		case k == state.Interrupted:
			return interrupted
		case code == 0:
			code = int(k)
		case code != int(k):
			code = int(state.Other)
		}
	}
	return code
}

// kindOf is state.KindOf for errors that may also be a cancelled context's.
func kindOf(err error) state.Kind {
	var f *state.Fault
	if !errors.As(err, &f) && errors.Is(err, context.Canceled) {
		return state.Interrupted
	}
	return state.KindOf(err)
}
