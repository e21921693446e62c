package imap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/imap/wire"
	"mailsync/backends/reach"
	"mailsync/state"
)

// refusal is a NO, BAD or BYE of the server's.
type refusal struct {
	typ  string // "NO", "BAD" or "BYE"
	code string // upper case, with its arguments; "" without
	text string // quoted and cut
	firm bool   // another try would not change it
}

func (r *refusal) Error() string {
	s := "server answered " + r.typ
	if r.code != "" {
		name, _, _ := strings.Cut(r.code, " ") // its arguments are for programs
		s += " [" + reach.Clean(name) + "]"
	}
	if r.text != "" {
		s += " " + r.text
	}
	return s
}

// hasCode reports whether the response code's first word is one of names.
func (r *refusal) hasCode(names ...string) bool {
	word, _, _ := strings.Cut(r.code, " ")
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(word, n) })
}

// asRefusal finds the server's own answer in what imapclient or wire returned.
func asRefusal(err error) (*refusal, bool) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r, true
	}
	if ie, ok := errors.AsType[*goimap.Error](err); ok {
		return &refusal{typ: string(ie.Type), code: string(ie.Code), text: said(ie.Text)}, true
	}
	if wa, ok := errors.AsType[*wire.Answer](err); ok {
		return &refusal{typ: wa.Type, code: wa.Code, text: said(wa.Text)}, true
	}
	return nil, false
}

// took is how long a command took, which Dovecot adds to its answers: " (0.001 + 0.000 secs)." Refusals for one reason
// would differ by it.
var took = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(` \(\d+\.\d+( \+ \d+\.\d+)* secs\)\.?$`) })

// said is what a server answered, for people.
func said(text string) string { return reach.Quoted(took().ReplaceAllString(text, "")) }

// isRefusal reports whether the server refused a command. A BYE with which it ended the connection is not a refusal.
func isRefusal(err error) bool {
	r, ok := asRefusal(err)
	return ok && r.typ != "BYE"
}

// run sends a command and waits for its tagged answer; take is given the untagged ones, unless it is nil. The
// error is as of fault. What a server does for a part of the messages is asked for the others as well, or is
// refused as a whole (limit.go).
func (s *session) run(ctx context.Context, line string, take func(wire.Line) error) (wire.Answer, error) {
	var done partly
	ok, err := s.w.Do(ctx, line, done.hear(take))
	if err = s.fault(ctx, err); err != nil {
		return ok, err
	}
	return s.goOn(ctx, &done, line, ok, take)
}

// goOn asks for the messages that a command which was answered with OK was not done for.
func (s *session) goOn(ctx context.Context, done *partly, line string, ok wire.Answer, take func(wire.Line) error) (wire.Answer, error) {
	if !done.left(ok) {
		return ok, nil
	}
	rest, can := done.rest(line)
	switch {
	case !can:
		return ok, done.refused(ok)
	case rest == "":
		return ok, nil
	}
	return s.run(ctx, rest, take)
}

// fault turns what a command returned into an error of ours: the server's refusal, or
// why the connection broke. One of ours stays as it is, and nil is nil.
func (s *session) fault(ctx context.Context, err error) error {
	if _, ours := errors.AsType[*refusal](err); err == nil || ours {
		return err
	}
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	if r, ok := asRefusal(err); ok {
		return r.fault()
	}
	s.broken.Store(true)
	if cause := s.w.LastError(); cause != nil {
		err = cause
	}
	if bye := s.heard.farewell(); bye != nil {
		f := state.Faultf(state.Unreachable, "server ended the connection: %w", bye)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			f = state.Faultf(state.Unreachable, "%w and kept the connection open: %w", bye, err)
		}
		return f.WithHint("run it again, it goes on where it stopped")
	}
	return reach.Fault("connection to "+s.a.o.Host, err)
}

// fault adds kind and hint to a refusal of a command.
func (r *refusal) fault() error {
	if _, later := r.comeBack(); later {
		return state.Faultf(state.Unreachable, "%w", r).WithHint("the server is busy or limits its use: try again later")
	}
	return r.lasting()
}

// seeRights is what to do about a mailbox that does not let a user do something.
const seeRights = "see the mailbox's access rights; where they are meant to be so, exclude it or name others with --mailbox"

// lasting is fault of a refusal that another try would not change.
func (r *refusal) lasting() error {
	firm := *r
	firm.firm = true
	f := state.Faultf(state.Other, "%w", &firm)
	switch {
	case r.hasCode("OVERQUOTA") || strings.Contains(strings.ToLower(r.text), "quota"): // Cyrus and Courier send no code
		return f.WithHint(`make room there ("mailsync help archive"), or raise the quota`)
	case r.hasCode("TOOBIG"):
		return f.WithHint("the server takes no message this large; it stays here")
	case r.hasCode("TRYCREATE", "NONEXISTENT"):
		return f.WithHint("the server has no such mailbox: make it there, or run again so that it is listed anew")
	case r.hasCode("LIMIT"):
		return f.WithHint("the server limits what a message or a mailbox may have; the message stays here")
	case r.hasCode("NOPERM"):
		return f.WithHint("the server does not let this user do that; %s", seeRights)
	}
	return f
}

// ofAppend is lasting of an APPEND. A mailbox that only shows messages of others takes none.
func (r *refusal) ofAppend() error {
	if r.hasCode("CANNOT") {
		return state.Faultf(state.Other, "%w", r.lasting()).
			WithHint(`this mailbox takes no messages, as one that only shows those of others: put them into another one, for example with "mailsync restore --into"`)
	}
	return r.lasting()
}

// comeBack reports whether a refusal is about now and not about us, and for how long
// the server wants to be left alone; 0 where it names no time.
func (r *refusal) comeBack() (time.Duration, bool) {
	if r.firm {
		return 0, false
	}
	text := strings.ToLower(r.text)
	// Exchange Online: "Request is throttled. Suggested Backoff Time: 295979 milliseconds".
	if _, rest, ok := strings.Cut(text, "suggested backoff time:"); ok {
		return backoffTime(rest), true
	}
	if r.hasCode("UNAVAILABLE", "LIMIT", "INUSE", "IN-USE", "THROTTLED") || strings.Contains(text, "[throttled]") {
		return 0, true
	}
	return 0, false
}

// denies reports whether a refusal of a change of flags means that this user cannot make it, and not
// that there is no room, that something broke, or that a message is gone. A refusal without a
// code can mean anything: the caller has to look.
func (r *refusal) denies(f state.Flags) bool {
	if _, later := r.comeBack(); later || r.typ == "BYE" {
		return false
	}
	if r.hasCode("LIMIT") { // of keywords in a mailbox (RFC 5530 section 3)
		return f&^(state.System&^state.Forwarded) != 0
	}
	return !r.hasCode("OVERQUOTA", "EXPUNGEISSUED", "SERVERBUG", "CORRUPTION", "CONTACTADMIN", "NONEXISTENT") &&
		!strings.Contains(strings.ToLower(r.text), "quota")
}

// doubt is Vague for a refusal that does not name what is wrong with the command: something broke on
// the way, perhaps after the message was stored.
func (r *refusal) doubt() state.Doubt {
	if r.typ == "NO" && (r.code == "" || r.hasCode("SERVERBUG", "CONTACTADMIN", "CORRUPTION")) &&
		!strings.Contains(strings.ToLower(r.text), "quota") {
		return state.Vague
	}
	return state.NotStored
}

// slowDown reports whether a refusal is about how much we ask, and not about what.
func (r *refusal) slowDown() bool {
	wait, later := r.comeBack()
	return later && (wait > 0 || !r.hasCode("UNAVAILABLE", "INUSE", "IN-USE"))
}

// declined reports whether an error is the server's NO or BAD about what was asked, and not
// about how much is: then it may be asked in another way.
func declined(err error) bool {
	r, ok := asRefusal(err)
	return ok && r.typ != "BYE" && !r.slowDown()
}

// backoffTime reads a number of milliseconds, or of seconds where an s follows.
func backoffTime(s string) time.Duration {
	s = strings.TrimLeft(s, " ")
	unit := strings.TrimLeft(s, "0123456789")
	v, err := strconv.ParseInt(strings.TrimSuffix(s, unit), 10, 32)
	switch {
	case err != nil:
		return 0
	case strings.HasPrefix(strings.TrimLeft(unit, " "), "s"):
		return time.Duration(v) * time.Second
	}
	return time.Duration(v) * time.Millisecond
}

// inMailbox adds to an error which mailbox it is about.
func inMailbox(raw, doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, reach.Quoted(strings.Join(NameOf(raw, ""), "/")), err)
}

// turnedAway is a refusal in place of a greeting: nothing of ours was wrong yet.
func (a *Account) turnedAway(r *refusal) error {
	wait, _ := r.comeBack()
	return &reach.Busy{Err: fmt.Errorf("%s turned us away: %w", a.o.Addr(), r), Wait: wait}
}

// asBusy finds in an error, also in that of a refused command, that the server wants us to come back later.
func asBusy(err error) (*reach.Busy, bool) {
	if b, ok := errors.AsType[*reach.Busy](err); ok {
		return b, true
	}
	if r, ok := asRefusal(err); ok {
		if wait, later := r.comeBack(); later {
			return &reach.Busy{Err: err, Wait: wait}, true
		}
	}
	return nil, false
}

// gaveUp is the error for a server that is busy for longer than we wait.
func gaveUp(b *reach.Busy) error {
	f := state.Faultf(state.Unreachable, "%w", b.Err)
	if b.Wait > 0 {
		return f.WithHint("the server wants to be left alone for %v: try again then, or raise max_wait", b.Wait.Round(time.Second))
	}
	return f.WithHint("the server is busy or limits its use: try again later")
}

// has reports whether the text holds one of these words, in any case.
func (r *refusal) has(words ...string) bool { return reach.HasWords(r.text, words...) }

// later reports whether a refused log-in is about now. One that mentions failures is not: the
// server counts them, and another try with the same password would be one more.
func (r *refusal) later() bool {
	if _, later := r.comeBack(); later {
		return true
	}
	if r.ofTheUserByCode() || r.has("fail", "invalid", "incorrect", "wrong", "password", "locked", "blocked") && !r.has("temporary", "another session") {
		return false
	}
	return reach.Passes(r.text)
}

// ofTheUser reports whether a refusal means that user or password are wrong (RFC 5530 section 3).
// It is for what answers no command, and so may be about anything.
func (r *refusal) ofTheUser() bool {
	return !r.later() && (r.ofTheUserByCode() || reach.BlamesUser(r.text))
}

// ofTheServer reports whether a BYE or a complaint means that the server stops, whoever the user is.
func (r *refusal) ofTheServer() bool {
	return r.has("shutting down", "shutdown", "shut down", "restart", "maintenance", "going down", "idle", "timeout", "timed out", "internal error")
}

// ofTheMailbox reports whether a complaint is about what is in a mailbox.
func (r *refusal) ofTheMailbox() bool {
	return r.hasCode("OVERQUOTA") || r.has("quota", "full", "space")
}

func (r *refusal) ofTheUserByCode() bool {
	return r.hasCode("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN")
}

// ofTheWay reports whether a refusal means that the server does not take this way of logging in:
// another one may do. An alert is for the user, and so are words of what the user has to do.
func (r *refusal) ofTheWay() bool {
	if r.ofTheUserByCode() || r.hasCode("ALERT") || reach.RefusedHint(r.text) != "" {
		return false
	}
	return r.typ == "BAD" || r.hasCode("CANNOT") || reach.NamesMechanism(r.text)
}

// loginHint is what to do about a refused log-in.
func (r *refusal) loginHint() string {
	switch {
	case r.hasCode("PRIVACYREQUIRED"):
		return `the server wants TLS: use tls = "implicit" or "starttls"`
	case r.hasCode("EXPIRED"):
		return "the password has expired: set a new one at the provider's"
	case r.hasCode("CONTACTADMIN"):
		return "the server asks to contact its administrator"
	}
	return cmp.Or(reach.RefusedHint(r.text), "check user and password; many providers want an app password for mail programs")
}
