package ask

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"mailsync/state"
)

// lines asks in plain lines: no cursor is moved, no colour is used, and each choice has a number.
type lines struct {
	in  *os.File
	out io.Writer
}

func (l lines) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.out, format, args...) // nobody could read an error
}

func (l lines) help(q Question) {
	if q.Help != "" {
		l.say("%s\n", q.Help)
	}
}

// read reads a line, octet by octet: what follows it may be a password, which is for somebody else.
func (l lines) read(ctx context.Context) (string, error) {
	type answer struct {
		line string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		var line []byte
		one := make([]byte, 1)
		for {
			n, err := l.in.Read(one)
			if n == 0 || err != nil {
				got <- answer{"", err}
				return
			}
			if one[0] == '\n' {
				got <- answer{strings.TrimSuffix(string(line), "\r"), nil}
				return
			}
			if len(line) < 4096 {
				line = append(line, one[0])
			}
		}
	}()
	select {
	case a := <-got:
		if a.err != nil { // the end of the input
			l.say("\n")
			return "", enough()
		}
		return strings.TrimSpace(a.line), nil
	case <-ctx.Done(): // the goroutine that waits for a line ends with the program
		l.say("\n")
		return "", context.Cause(ctx)
	}
}

func (l lines) Text(ctx context.Context, q Question, begin string) (string, error) {
	l.help(q)
	for {
		if begin != "" {
			l.say("%s [%s]: ", q.Title, begin)
		} else {
			l.say("%s: ", q.Title)
		}
		line, err := l.read(ctx)
		if err != nil {
			return "", err
		}
		if line == "" {
			line = begin
		}
		if err = q.wrong(line); err == nil {
			return line, nil
		}
		l.say("%v\n", err)
	}
}

func (l lines) Secret(ctx context.Context, q Question) (string, error) {
	l.help(q)
	for {
		word, err := Password(ctx, l.in, l.out, q.Title+": ")
		if err != nil {
			return "", err
		}
		if err = q.wrong(word); err == nil {
			return word, nil
		}
		l.say("%v\n", err)
	}
}

func (l lines) Yes(ctx context.Context, q Question, otherwise bool) (bool, error) {
	l.help(q)
	choice := "y/N"
	if otherwise {
		choice = "Y/n"
	}
	for {
		l.say("%s [%s]: ", q.Title, choice)
		line, err := l.read(ctx)
		if err != nil {
			return false, err
		}
		switch strings.ToLower(line) {
		case "":
			return otherwise, nil
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		l.say("answer yes or no\n")
	}
}

func (l lines) One(ctx context.Context, q Question, choices []string, begin int) (int, error) {
	l.help(q)
	for i, c := range choices {
		l.say("  %d  %s\n", i+1, c)
	}
	for {
		l.say("%s [%d]: ", q.Title, begin+1)
		line, err := l.read(ctx)
		if err != nil {
			return 0, err
		}
		if line == "" {
			return begin, nil
		}
		if n, err := strconv.Atoi(line); err == nil && n >= 1 && n <= len(choices) {
			return n - 1, nil
		}
		l.say("answer with a number from 1 to %d\n", len(choices))
	}
}

func (l lines) Some(ctx context.Context, q Question, choices []string, marked []bool) ([]bool, error) {
	l.help(q)
	var begin []string
	for i, c := range choices {
		l.say("  %d  %s\n", i+1, c)
		if marked[i] {
			begin = append(begin, strconv.Itoa(i+1))
		}
	}
	for {
		l.say("%s (numbers, or - for none) [%s]: ", q.Title, strings.Join(begin, " "))
		line, err := l.read(ctx)
		switch {
		case err != nil:
			return nil, err
		case line == "":
			return slices.Clone(marked), nil
		case line == "-":
			return make([]bool, len(choices)), nil
		}
		chosen, err := numbers(line, len(choices))
		if err == nil {
			return chosen, nil
		}
		l.say("%v\n", err)
	}
}

// numbers reads "1 3, 5-7" as which of so many are meant.
func numbers(text string, of int) ([]bool, error) {
	chosen := make([]bool, of)
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		from, to, isRange := strings.Cut(word, "-")
		first, err := strconv.Atoi(from)
		last := first
		if isRange && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 1 || last < first || last > of {
			return nil, state.Faultf(state.Usage, "%q is not a number from 1 to %d", word, of)
		}
		for i := first; i <= last; i++ {
			chosen[i-1] = true
		}
	}
	return chosen, nil
}
