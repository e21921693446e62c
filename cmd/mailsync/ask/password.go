package ask

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"mailsync/state"
)

// Password asks for a password on a terminal, which does not show it. An error is of kind Login: in is no
// terminal, or nothing was typed.
func Password(ctx context.Context, in *os.File, out io.Writer, prompt string) (string, error) {
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return "", state.Faultf(state.Login, "there is no terminal to ask for the password")
	}
	type answer struct {
		word []byte
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		word, err := term.ReadPassword(fd)
		got <- answer{word, err}
	}()
	// Until the terminal stops to echo, a password that is typed at once would be seen.
	for n := 0; n < 200 && echoes(fd, before) && len(got) == 0; n++ {
		time.Sleep(time.Millisecond)
	}
	_, _ = fmt.Fprint(out, prompt)
	select {
	case a := <-got:
		_, _ = fmt.Fprintln(out)
		if a.err != nil {
			return "", state.Faultf(state.Login, "read the password: %w", a.err)
		}
		if len(a.word) == 0 {
			return "", state.Faultf(state.Login, "the password is empty")
		}
		return string(a.word), nil
	case <-ctx.Done():
		_ = term.Restore(fd, before) // the goroutine that waits for the password ends with the program
		_, _ = fmt.Fprintln(out)
		return "", context.Cause(ctx)
	}
}

// echoes reports whether a terminal is still as it was.
func echoes(fd int, before *term.State) bool {
	now, err := term.GetState(fd)
	return err == nil && *now == *before
}
