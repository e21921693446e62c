// Package ask asks a person at a terminal: in a form that is drawn, or, where the terminal is dumb or a
// screen reader reads it, in plain lines.
package ask

import (
	"context"
	"io"
	"os"

	"mailsync/state"
)

// Question is what is asked, in a few words, and what helps to answer it.
type Question struct {
	Title string
	Help  string // more lines, "" for none
	// Check returns what is wrong with an answer; nil: nothing ever is. What is wrong is shown, and the
	// question asked again.
	Check func(answer string) error
}

// wrong is what is wrong with an answer, nil where nothing is.
func (q Question) wrong(answer string) error {
	if q.Check == nil {
		return nil
	}
	return q.Check(answer)
}

// Asker asks. Every method returns the cause where ctx ends, and an error of kind Interrupted where the
// person has had enough: Ctrl-C, Ctrl-D, or Escape.
type Asker interface {
	// Text asks for a line. begin is an answer to start from.
	Text(ctx context.Context, q Question, begin string) (string, error)
	// Secret asks for a line that is not shown.
	Secret(ctx context.Context, q Question) (string, error)
	// Yes asks for yes or no; otherwise is the answer of somebody who just goes on.
	Yes(ctx context.Context, q Question, otherwise bool) (bool, error)
	// One asks for one of some choices, by its index. begin is the one that is marked.
	One(ctx context.Context, q Question, choices []string, begin int) (int, error)
	// Some asks which of some choices are meant; marked are those to begin with, and is not changed.
	Some(ctx context.Context, q Question, choices []string, marked []bool) ([]bool, error)
}

// New returns an Asker on a terminal.
func New(in *os.File, out io.Writer, drawn bool) Asker {
	if drawn {
		return form{in, out}
	}
	return lines{in, out}
}

// enough is the error for somebody who has had enough.
func enough() error {
	return state.Faultf(state.Interrupted, "given up").WithHint("nothing was written")
}
