package ask

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"mailsync/state"
)

// typing is an Asker to which a text is typed, and what it shows.
func typing(t *testing.T, text string) (Asker, *strings.Builder) {
	t.Helper()
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyboard.WriteString(text); err != nil {
		t.Fatal(err)
	}
	keyboard.Close()
	t.Cleanup(func() { in.Close() })
	shown := &strings.Builder{}
	return New(in, shown, false), shown
}

func TestNumbers(t *testing.T) {
	for text, want := range map[string][]int{"1": {1}, "1 3,5": {1, 3, 5}, "2-4": {2, 3, 4}, "1-2 2-3": {1, 2, 3}, " , ": {}} {
		got, err := numbers(text, 5)
		for i, c := range got {
			if c != slices.Contains(want, i+1) {
				t.Errorf("%q: %v, %v", text, got, err)
			}
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"0", "6", "x", "3-1", "1-", "-2", "1-9", "99999999999999999999"} {
		if got, err := numbers(text, 5); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// A wrong answer is explained and asked for again; an empty one is what was offered.
func TestLines(t *testing.T) {
	ctx, q := t.Context(), Question{Title: "Which", Help: "Help."}
	a, shown := typing(t, "maybe\nYES\n\n9\n2\n\n1\n\n-\n\r\nb\r\n\n")
	q.Check = nil
	if yes, err := a.Yes(ctx, q, false); !yes || err != nil || !strings.Contains(shown.String(), "answer yes or no") {
		t.Errorf("%v, %v\n%s", yes, err, shown)
	}
	if yes, err := a.Yes(ctx, q, true); !yes || err != nil {
		t.Errorf("nothing typed: %v, %v", yes, err)
	}
	if n, err := a.One(ctx, q, []string{"a", "b"}, 0); n != 1 || err != nil || !strings.Contains(shown.String(), "from 1 to 2") {
		t.Errorf("%d, %v\n%s", n, err, shown)
	}
	if n, err := a.One(ctx, q, []string{"a", "b"}, 1); n != 1 || err != nil {
		t.Errorf("nothing typed: %d, %v", n, err)
	}
	marked := []bool{false, true}
	for _, want := range [][]bool{{true, false}, {false, true}, {false, false}} {
		if got, err := a.Some(ctx, q, []string{"a", "b"}, marked); !slices.Equal(got, want) || err != nil {
			t.Errorf("%v, %v, want %v", got, err, want)
		}
	}
	q.Check = func(s string) error {
		if s == "a" {
			return errors.New("not a")
		}
		return nil
	}
	if text, err := a.Text(ctx, q, "a"); text != "b" || err != nil || !strings.Contains(shown.String(), "not a") {
		t.Errorf("%q, %v\n%s", text, err, shown)
	}
}

// The end of the input is nobody's answer, and a cancelled question ends.
func TestLinesEnd(t *testing.T) {
	a, _ := typing(t, "no line end")
	if text, err := a.Text(t.Context(), Question{Title: "Which"}, "offered"); state.KindOf(err) != state.Interrupted {
		t.Errorf("%q, %v", text, err)
	}
	in, keyboard, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer keyboard.Close()
	defer in.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	if _, err := New(in, &strings.Builder{}, false).Yes(ctx, Question{Title: "Which"}, true); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := New(in, &strings.Builder{}, false).Secret(t.Context(), Question{Title: "Which"}); state.KindOf(err) != state.Login {
		t.Errorf("a password without a terminal: %v", err)
	}
}
