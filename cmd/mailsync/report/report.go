// Package report is everything a user sees of a run.
//
// Its rules:
//
//   - stdout has results: one line an account, the operations of a dry run, or, with
//     --json, one JSON object a line and nothing else. Everything else goes to stderr, so that
//     a pipe never gets what it did not ask for.
//   - An error begins "mailsync: ", names account and mailbox, and states what was tried. If
//     something helps, the next line begins "mailsync: hint: ".
//   - --quiet leaves errors, and nothing else. It removes no JSON.
//   - Progress is a few lines that are written over, on stderr, only if that is a terminal.
//     Every other output wipes them first. It uses no colours, and two escape codes: one line up, and
//     erase to the end of the line.
//   - Names and texts that a server chose can hold anything. They are cut, and what could
//     steer a terminal or hide text is escaped, here and for all of them.
//   - Sizes, rates and times are for people, except in JSON.
package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"mailsync/state"
)

// Options are where a Report is written, and how much of it.
type Options struct {
	Out, Err io.Writer
	JSON     bool
	Quiet    bool
	// Terminal returns columns and lines of the terminal that Err is, on which can be written over; nil: it is none.
	Terminal func() (columns, lines int)
	Ops      bool         // print the single operations of a dry run
	Record   *slog.Logger // the log file, for what the report prints by itself; nil: there is none
}

// Report shows the user one run of the program. Its methods are safe for concurrent use.
type Report struct {
	opts Options

	mu       sync.Mutex
	accounts []*Account // in the order in which they began
	expected int        // accounts in all
	live     live

	suspended suspension
}

// New returns a Report. Close it at the end.
func New(opts Options) *Report {
	r := &Report{opts: opts}
	if opts.Terminal != nil && !opts.Quiet {
		r.startLive()
	}
	return r
}

// Close ends the progress and leaves the terminal's line empty. What is still held back is printed.
// A second call does nothing.
func (r *Report) Close() {
	r.stopLive()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.release()
}

// Expect sets how many accounts the report will be about.
func (r *Report) Expect(accounts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expected = accounts
}

// Account begins the report about an account.
func (r *Report) Account(name string) *Account {
	a := &Account{report: r, name: name}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts = append(r.accounts, a)
	return a
}

// Wrong reports an error that belongs to no account.
func (r *Report) Wrong(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recordNote(slog.LevelError, "", "", state.PlainText(err), state.HintOf(err))
	r.wrong("", "", 0, state.PlainText(err), state.HintOf(err))
}

// Print prints a text for people; --quiet and --json leave it out.
func (r *Report) Print(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.opts.Quiet && !r.opts.JSON {
		r.out(fmt.Sprintf(format, args...))
	}
}

// Log returns a writer for log lines: stderr, kept apart from the progress.
func (r *Report) Log() io.Writer { return logWriter{r} }

type logWriter struct{ r *Report }

func (w logWriter) Write(p []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	w.r.write(w.r.opts.Err, string(p))
	return len(p), nil
}

// wrong writes an error and its hint to stderr. The caller holds the mutex, as for all
// that follows.
func (r *Report) wrong(account, mailbox string, uid uint32, what, hint string) {
	r.talk("mailsync: " + place(account, mailbox, uid) + clean(what))
	if hint != "" {
		r.talk("mailsync: hint: " + clean(hint))
	}
}

func place(account, mailbox string, uid uint32) string {
	at := ""
	if account != "" {
		at = clean(account) + ": "
	}
	if mailbox != "" {
		at += clean(mailbox) + ": "
	}
	if uid != 0 {
		at += fmt.Sprintf("uid %d: ", uid)
	}
	return at
}

func (r *Report) talk(line string) { r.write(r.opts.Err, line+"\n") }

func (r *Report) out(line string) { r.write(r.opts.Out, line+"\n") }

// result prints a result: in JSON as an object, else, unless only failures are wanted, in lines.
func (r *Report) result(object any, lines ...string) {
	if r.opts.JSON {
		var line bytes.Buffer
		e := json.NewEncoder(&line)
		e.SetEscapeHTML(false)
		_ = e.Encode(object) // an object of ours has nothing that cannot be encoded
		r.write(r.opts.Out, line.String())
		return
	}
	for _, line := range lines {
		if !r.opts.Quiet {
			r.out(line)
		}
	}
}

// Account is the report about one account. Listed, Planned, Arrived, Doing and Mailbox feed the
// progress.
type Account struct {
	report   *Report
	name     string
	progress progress
	words    words
	alerts   []string // of the server
	noted    map[[2]string]bool
	done     bool
}

// begin locks the report and returns it; the caller unlocks its mutex.
func (a *Account) begin() *Report {
	a.report.mu.Lock()
	return a.report
}

// Op prints one operation of a dry run, where they are asked for; JSON always has them.
func (a *Account) Op(mailbox, op string) {
	r := a.begin()
	defer r.mu.Unlock()
	if !r.opts.JSON {
		if r.opts.Ops {
			r.out(place(a.name, mailbox, 0) + clean(op)) // also with --quiet
		}
		return
	}
	r.result(struct {
		Type    string `json:"type"`
		Account string `json:"account"`
		Mailbox string `json:"mailbox"`
		Op      string `json:"op"`
	}{"op", a.name, clean(mailbox), clean(op)})
}

// Note prints something that the user should know and that is not a failure, once.
func (a *Account) Note(mailbox, text, hint string) {
	r := a.begin()
	defer r.mu.Unlock()
	if a.noted[[2]string{mailbox, text}] {
		return
	}
	if a.noted == nil {
		a.noted = map[[2]string]bool{}
	}
	a.noted[[2]string{mailbox, text}] = true
	r.recordNote(slog.LevelWarn, a.name, mailbox, text, hint)
	if !r.opts.Quiet {
		r.wrong(a.name, mailbox, 0, text, hint)
	}
}

// Alert prints what the server wants the user to see, each text once. With --quiet it is printed
// only where something failed.
func (a *Account) Alert(text string) {
	r := a.begin()
	defer r.mu.Unlock()
	if slices.Contains(a.alerts, text) {
		return
	}
	a.alerts = append(a.alerts, text)
	r.recordNote(slog.LevelWarn, a.name, "", "message from the server: "+text, "")
	if !r.opts.Quiet {
		a.alert(text)
	}
}

func (a *Account) alert(text string) {
	a.report.wrong(a.name, "", 0, "message from the server: "+text, "")
}

// Line sets the account's line for people, in place of its summary.
func (a *Account) Line(text string) {
	defer a.begin().mu.Unlock()
	a.words.line = text
}

// Did sets what was done, in the words of the command, in place of the summary's changes.
func (a *Account) Did(text string) {
	defer a.begin().mu.Unlock()
	a.words.did = text
}

// Final is a summary as the object "account" has it: texts safe to show, seconds to the
// millisecond.
func (a *Account) Final(s Summary) Summary {
	s.Type = "account"
	s.Seconds = float64(time.Duration(s.Seconds*float64(time.Second)).Milliseconds()) / 1000
	s.Errors = append([]Problem{}, s.Errors...) // never nil, and not the caller's
	for i := range s.Errors {
		p := &s.Errors[i]
		p.Mailbox, p.Error, p.Hint = clean(p.Mailbox), clean(p.Error), clean(p.Hint)
	}
	return s
}

// maxPrinted is how many problems of an account are printed on stderr.
const maxPrinted = 20

// Done prints how the account's run ended: its problems on stderr, its result on stdout.
// silent holds the problems back.
func (a *Account) Done(s Summary, silent bool) {
	r := a.begin()
	defer r.mu.Unlock()
	a.done = true
	s = a.Final(s)
	s.words = a.words
	r.recordDone(s)
	if !silent {
		a.problems(s)
	}
	r.result(s, s.String())
}

func (a *Account) problems(s Summary) {
	r, n, more := a.report, 0, 0
	for _, p := range together(s.Errors) {
		if p.Printed {
			continue
		}
		if n == 0 && r.opts.Quiet {
			for _, text := range a.alerts {
				a.alert(text)
			}
		}
		if n++; n <= maxPrinted {
			r.wrong(s.Account, p.Mailbox, p.UID, p.Error, p.Hint)
		} else {
			more += p.count()
		}
	}
	if more > 0 {
		r.talk(fmt.Sprintf("mailsync: %s: %s not shown; --json has all of them", clean(s.Account), Plural(more, "more problem")))
	}
}
