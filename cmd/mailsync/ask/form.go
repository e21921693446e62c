package ask

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/huh/v2"
)

// form draws each question, and leaves a line with the answer when it is answered.
type form struct {
	in  *os.File
	out io.Writer
}

// maxShown is how many choices are shown at once; the others are reached by going down.
const maxShown = 12

// run shows one field until it is answered. A form of its own for each question lets the next depend on
// what a server said meanwhile.
func (f form) run(ctx context.Context, field huh.Field) error {
	shown := huh.NewForm(huh.NewGroup(field)).WithInput(f.in).WithOutput(f.out).WithTheme(huh.ThemeFunc(huh.ThemeBase16)).WithShowHelp(true).
		// The program has handlers of its own; the library's takes SIGTERM for the end of a form that was filled in.
		WithProgramOptions(tea.WithoutSignalHandler())
	err := shown.RunWithContext(ctx)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, huh.ErrUserAborted):
		return enough()
	case err != nil:
		return fmt.Errorf("ask on the terminal: %w", err)
	}
	return nil
}

// answered leaves a line.
func (f form) answered(q Question, answer string) {
	end := ":"
	if strings.HasSuffix(q.Title, "?") {
		end = ""
	}
	_, _ = fmt.Fprintf(f.out, "%s%s %s\n", q.Title, end, answer) // nobody could read an error
}

func input(q Question, answer *string) *huh.Input {
	return huh.NewInput().Title(q.Title).Description(q.Help).Value(answer).Validate(q.wrong)
}

func (f form) Text(ctx context.Context, q Question, begin string) (string, error) {
	answer := begin
	if err := f.run(ctx, input(q, &answer)); err != nil {
		return "", err
	}
	f.answered(q, answer)
	return answer, nil
}

func (f form) Secret(ctx context.Context, q Question) (string, error) {
	answer := ""
	if err := f.run(ctx, input(q, &answer).EchoMode(huh.EchoModePassword)); err != nil {
		return "", err
	}
	f.answered(q, "(not shown)")
	return answer, nil
}

func (f form) Yes(ctx context.Context, q Question, otherwise bool) (bool, error) {
	answer := otherwise
	if err := f.run(ctx, huh.NewConfirm().Title(q.Title).Description(q.Help).Affirmative("Yes").Negative("No").Value(&answer)); err != nil {
		return false, err
	}
	f.answered(q, map[bool]string{true: "yes", false: "no"}[answer])
	return answer, nil
}

func (f form) One(ctx context.Context, q Question, choices []string, begin int) (int, error) {
	answer := begin
	options := make([]huh.Option[int], len(choices))
	for i, c := range choices {
		options[i] = huh.NewOption(c, i)
	}
	field := huh.NewSelect[int]().Title(q.Title).Description(q.Help).Options(options...).Value(&answer)
	if len(choices) > maxShown {
		field.Height(maxShown + 2)
	}
	if err := f.run(ctx, field); err != nil {
		return 0, err
	}
	f.answered(q, choices[answer])
	return answer, nil
}

func (f form) Some(ctx context.Context, q Question, choices []string, marked []bool) ([]bool, error) {
	var answer []int
	options := make([]huh.Option[int], len(choices))
	for i, c := range choices {
		options[i] = huh.NewOption(c, i).Selected(marked[i])
	}
	field := huh.NewMultiSelect[int]().Title(q.Title).Description(q.Help).Options(options...).Value(&answer).Height(min(len(choices), maxShown) + 3)
	if err := f.run(ctx, field); err != nil {
		return nil, err
	}
	chosen := make([]bool, len(choices))
	for _, i := range answer {
		chosen[i] = true
	}
	f.answered(q, named(choices, chosen))
	return chosen, nil
}

// named are the choices that are chosen, the first few by name.
func named(choices []string, chosen []bool) string {
	var names []string
	for i, c := range choices {
		if chosen[i] {
			names = append(names, c)
		}
	}
	const most = 4
	switch n := len(names); {
	case n == 0:
		return "none"
	case n > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}
