// Package report is everything a user sees of a run.
//
// Its rules:
//
//   - stdout has results: one line an account, the operations of a dry run, or, with
//     --json, one JSON object a line and nothing else. Everything else is talk and goes
//     to stderr, so that a pipe never gets what it did not ask for.
//   - What went wrong begins "mailsync: ", names account and mailbox, and says what was
//     tried. If something helps, the next line begins "mailsync: hint: ".
//   - --quiet leaves what went wrong, and nothing else. It takes no JSON away.
//   - Progress is one line that is written over, on stderr, only if that is a terminal.
//     Every other output wipes it first. It uses no escape codes and no colours.
//   - Names and texts that a server chose can hold anything. They are cut, and what could
//     steer a terminal or hide text is escaped, here and for all of them.
//   - Sizes, rates and times are for people, except in JSON.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"mailsync/state"
)

// Options say where a Report goes and how much it tells.
type Options struct {
	Out, Err io.Writer
	JSON     bool
	Quiet    bool
	Width    func() int // columns of the terminal that Err is; nil: it is none
}

// Report tells the user about one run of the program. Its methods are safe for
// concurrent use.
type Report struct {
	opts Options

	mu       sync.Mutex
	accounts []*Account // begun, in that order
	live     live
}

// New returns a Report. Close it at the end.
func New(opts Options) *Report {
	r := &Report{opts: opts}
	if opts.Width != nil && !opts.Quiet {
		r.startLive()
	}
	return r
}

// Close ends the progress and leaves the terminal's line empty. A second call does nothing.
func (r *Report) Close() { r.stopLive() }

// Account begins to tell about an account.
func (r *Report) Account(name string) *Account {
	a := &Account{report: r, name: name}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accounts = append(r.accounts, a)
	return a
}

// Wrong tells what went wrong outside of any account.
func (r *Report) Wrong(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wrong("", "", 0, err.Error(), state.HintOf(err))
}

// Say tells something to whoever looks on; --quiet and --json leave it out.
func (r *Report) Say(format string, args ...any) {
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
	w.r.wipe()
	return w.r.opts.Err.Write(p)
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

// Writing to the terminal is not checked: there is nobody left to tell.

func (r *Report) talk(line string) {
	r.wipe()
	_, _ = io.WriteString(r.opts.Err, line+"\n")
}

func (r *Report) out(line string) {
	r.wipe()
	_, _ = io.WriteString(r.opts.Out, line+"\n")
}

func (r *Report) json(v any) {
	r.wipe()
	e := json.NewEncoder(r.opts.Out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v)
}

// result tells a result: in JSON as an object, else, unless only failures are wanted, in lines.
func (r *Report) result(object any, lines ...string) {
	if r.opts.JSON {
		r.json(object)
		return
	}
	for _, line := range lines {
		if !r.opts.Quiet {
			r.out(line)
		}
	}
}

// Account tells about one account. Listed, Planned, Fetched and Mailbox feed the
// progress.
type Account struct {
	report   *Report
	name     string
	progress progress
	words    words
	said     []string // by the server
	done     bool
}

// Listed says how many mailboxes the run is about.
func (a *Account) Listed(mailboxes int) { a.count(func() { a.progress.mailboxes = mailboxes }) }

// Planned says how many bodies are to be fetched, and their announced bytes.
func (a *Account) Planned(messages int, bytes int64) {
	a.count(func() { a.progress.add(progress{messages: messages, bytes: bytes}) })
}

// Fetched says that so many more bodies are here.
func (a *Account) Fetched(messages int, bytes int64) {
	a.count(func() { a.progress.add(progress{fetched: messages, fetchedBytes: bytes}) })
}

// Mailbox says that work on a mailbox begins or ends.
func (a *Account) Mailbox(name string, done bool) {
	a.count(func() {
		p := &a.progress
		if !done {
			p.working = append(p.working, name)
			return
		}
		p.finished++
		if i := slices.Index(p.working, name); i >= 0 {
			p.working = slices.Delete(p.working, i, i+1)
		}
	})
}

func (a *Account) count(change func()) {
	a.report.mu.Lock()
	defer a.report.mu.Unlock()
	change()
}

// Op tells one operation of a dry run, as the result it is.
func (a *Account) Op(mailbox, op string) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.JSON {
		r.json(struct {
			Type    string `json:"type"`
			Account string `json:"account"`
			Mailbox string `json:"mailbox"`
			Op      string `json:"op"`
		}{"op", a.name, clean(mailbox), clean(op)})
		return
	}
	r.out(place(a.name, mailbox, 0) + clean(op))
}

// Note tells something that the user should know and that is no failure.
func (a *Account) Note(mailbox, text, hint string) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.Quiet {
		return
	}
	r.wrong(a.name, mailbox, 0, text, hint)
}

// Said tells what the server wants the user to see, each text once. With --quiet it is told only
// where something went wrong.
func (a *Account) Said(text string) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	if slices.Contains(a.said, text) {
		return
	}
	a.said = append(a.said, text)
	if !r.opts.Quiet {
		r.said(a.name, text)
	}
}

func (r *Report) said(account, text string) { r.wrong(account, "", 0, "the server says: "+text, "") }

// Prove tells what a backup proves: beside the account's result, and in JSON as an object
// of its own.
func (a *Account) Prove(p Proof) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	p.Type = "proof"
	for i := range p.Doubts {
		p.Doubts[i].Mailbox = clean(p.Doubts[i].Mailbox)
	}
	if p.Doubts == nil {
		p.Doubts = []Doubt{}
	}
	a.words.proof = &p
	r.result(p)
}

// Line is the account's line for people, in place of what a summary says.
func (a *Account) Line(text string) { a.count(func() { a.words.line = text }) }

// Did says, in the words of the command, what was done, in place of what a summary says.
func (a *Account) Did(text string) { a.count(func() { a.words.did = text }) }

// Final is a summary as the object "account" has it: texts safe to show, seconds to the
// millisecond.
func (a *Account) Final(s Summary) Summary {
	s.Type = "account"
	s.Seconds = float64(time.Duration(s.Seconds*float64(time.Second)).Milliseconds()) / 1000
	s.Errors = slices.Clone(s.Errors)
	if s.Errors == nil {
		s.Errors = []Problem{}
	}
	for i := range s.Errors {
		p := &s.Errors[i]
		p.Mailbox, p.Error, p.Hint = clean(p.Mailbox), clean(p.Error), clean(p.Hint)
	}
	return s
}

// maxTold is how many problems of an account are written out on stderr.
const maxTold = 20

// Done tells how the account's run ended: its problems on stderr, its result on stdout.
// silent holds the problems back.
func (a *Account) Done(s Summary, silent bool) {
	r := a.report
	r.mu.Lock()
	defer r.mu.Unlock()
	a.done = true
	s = a.Final(s)
	s.words = a.words
	told := 0
	for _, p := range s.Errors {
		if p.Told {
			continue
		}
		if told == 0 && r.opts.Quiet && !silent {
			for _, text := range a.said {
				r.said(s.Account, text)
			}
		}
		if told++; told <= maxTold && !silent {
			r.wrong(s.Account, p.Mailbox, p.UID, p.Error, p.Hint)
		}
	}
	if more := told - maxTold; more > 0 && !silent {
		r.talk(fmt.Sprintf("mailsync: %s: and %s more; --json has them all", clean(s.Account), Plural(more, "problem")))
	}
	r.result(s, s.String())
}
