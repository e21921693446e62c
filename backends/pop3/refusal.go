package pop3

import (
	"errors"
	"strings"

	"mailsync/backends/reach"
	"mailsync/state"
)

// refusal is a -ERR of the server's.
type refusal struct {
	code string // the response code, upper case (RFC 2449 section 8); "" without
	text string // quoted and cut
	now  bool   // its words are about now
	us   bool   // its words are about user and password
}

func (r *refusal) Error() string {
	s := "server answered -ERR"
	if r.code != "" {
		s += " [" + reach.Clean(r.code) + "]"
	}
	if r.text != "" {
		s += " " + r.text
	}
	return s
}

// newRefusal reads what follows -ERR. A response code counts whether or not CAPA listed
// RESP-CODES: in place of a greeting there was no CAPA yet, and no server writes words in
// brackets that mean something else.
func newRefusal(text string) *refusal {
	r := &refusal{}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		if code, rest, ok := strings.Cut(inner, "]"); ok {
			r.code, text = strings.ToUpper(code), strings.TrimLeft(rest, " ")
		}
	}
	r.now = r.code == "" && soundsLocked(text)
	r.text = reach.Quoted(text)
	return r
}

// soundsLocked knows servers that are older than response codes.
func soundsLocked(text string) bool {
	return reach.HasWords(text, "lock busy", "already locked", "mailbox locked", "maildrop locked",
		"mailbox is locked", "maildrop is locked", "is in use", "too many connections")
}

// has reports whether the response code is name or begins with its levels: SYS/TEMP/DISK
// is a SYS/TEMP (RFC 2449 section 8).
func (r *refusal) has(name string) bool { return r.code == name || strings.HasPrefix(r.code, name+"/") }

// later reports whether a refusal is about now and not about us.
func (r *refusal) later() bool {
	return r.now || r.has("IN-USE") || r.has("LOGIN-DELAY") || r.has("SYS/TEMP")
}

// asRefusal finds the server's own answer in an error.
func asRefusal(err error) (*refusal, bool) {
	return errors.AsType[*refusal](err)
}

// fault adds kind and hint to a refusal, if err is one that has none yet.
func fault(err error) error {
	r, ok := asRefusal(err)
	if !ok || state.KindOf(err) != state.Other {
		return err
	}
	kind, hint := state.Unreachable, ""
	switch {
	case r.now:
		hint = "the server seems to be busy, or to have the mailbox locked: try again later, and run less often"
	case r.has("IN-USE"): // RFC 2449 section 8.1.2
		hint = "another program has the mailbox open, or a session of ours was cut off: try again later"
	case r.has("LOGIN-DELAY"): // RFC 2449 section 8.1.1
		hint = "the server does not let a user log in so often: run less often"
	case r.has("SYS/TEMP"): // RFC 3206 section 4
		hint = "the server has a problem that it believes will pass: try again later"
	case r.has("SYS/PERM"): // RFC 3206 section 4
		kind, hint = state.Other, "the server has a problem that will not pass by itself: ask its operator"
	case r.has("AUTH"): // RFC 3206 section 5
		kind, hint = state.Login, loginHint
	default:
		return err
	}
	return state.Faultf(kind, "%w", err).WithHint("%s", hint)
}

// The words of servers without response codes at log-in, beside those of servers of any protocol. A POP3
// session locks the mailbox (RFC 1939 section 4), so many are about locks and who has them. Words that
// only may be about now count where none is about the password.
var (
	aboutNow = []string{"in use", "busy", "too often", "too many", "too soon", "too frequent", "later", "locked by", "overload"}
	aboutUs  = []string{"password", "invalid", "incorrect", "wrong", "bad ", "denied", "unknown user", "no such user", "not known", "disabled"}
	// Some servers name all that it may be, the password among it.
	wrong    = []string{"password is incorrect", "incorrect password", "wrong password", "password is wrong"}
	maybeNow = []string{"locked", "try again", "retry", " wait", "lock "}
)

// readWords reads the text of a refusal without a response code at log-in: words of use, of a lock, or of
// later mean the same as [IN-USE]. The user's name in it means nothing.
func (r *refusal) readWords(user string) {
	if r.code != "" {
		return
	}
	text := strings.ReplaceAll(strings.ToLower(r.text), strings.ToLower(user), "")
	has := func(words []string) bool { return reach.HasWords(text, words...) }
	us := has(aboutUs) || reach.BlamesUser(text)
	r.now = r.now || (has(aboutNow) || reach.Passes(text)) && !has(wrong) || has(maybeNow) && !us
	r.us = !r.now && us
}

// blames reports whether a refused log-in is about user or password for sure.
func (r *refusal) blames() bool { return r.us || r.has("AUTH") }

const unclearHint = "the server gives no reason, and accepted this password before: it may be busy, or something of the account has changed; if it stays so, check user and password"

const loginHint = "check user and password; many providers want an app password for mail programs, and POP3 switched on in their settings"
