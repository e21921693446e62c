package reach

import (
	"slices"
	"strings"
)

// spoken is what a refusal says, for a look at its words. Gmail ends every one of its own with "(Failure)".
func spoken(text string) string {
	return strings.ReplaceAll(strings.ToLower(text), "(failure)", "")
}

// Says reports whether a refusal holds one of these words, which are in lower case.
func Says(text string, words ...string) bool {
	text = spoken(text)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
}

// Passes reports whether a refused log-in says that it is about now, whoever it is that asks. What
// blames the user as well may still be about the password: each protocol has its own habits there.
func Passes(text string) bool {
	return Says(text, "temporar", "try again later", "unavailable", "another session") ||
		Says(text, "too many") && Says(text, "login") || isCrowded(text)
}

// Blames reports whether a refused log-in says that user or password are wrong. No other answer of
// a server is in these words.
func Blames(text string) bool {
	return Says(text, "auth fail", "authentication fail", "authorization fail", "login fail", "log-in fail", "logon fail", "failed login",
		"authentication error", "credential", "invalid login", "incorrect login", "invalid password", "incorrect password",
		"wrong password", "bad password")
}

// isCrowded reports whether a refused log-in is about how many connections there are, or how much or
// how often is asked.
func isCrowded(text string) bool {
	return Says(text, "too many", "maximum", "limit", "exceed") && Says(text, "connection", "session", "bandwidth") ||
		Says(text, "limit") && Says(text, "exceed", "rate", "frequen", "reached") || Says(text, "login frequen", "log in frequen")
}

// CountsFailures reports whether a refused log-in says that there were too many with a wrong password:
// one more may keep the user out for longer.
func CountsFailures(text string) bool {
	return Says(text, "too many", "exceed", "maximum") && Says(text, "attempt", "fail", "incorrect", "invalid", "bad auth", "wrong")
}

// CountedHint is what to do where the server counts log-ins that failed.
const CountedHint = "the server counts failed log-ins and lets nobody in for a while: see that no program still tries an old password, wait, then run again"

// RefusedHint says what to do about a refused log-in, from the words in which providers refuse one; ""
// where they say no more than that it is refused.
func RefusedHint(text string) string {
	switch {
	case CountsFailures(text):
		return CountedHint
	case Says(text, "application-specific", "app-specific", "app password", "application password", "apppassword", "authorization code"):
		return "the provider wants an app password here: make one in its account settings, and use it in place of the account's own"
	case Says(text, "web browser", "web login", "weblogin"):
		return "log in once with a web browser, where the provider asks for something, then run again"
	case Says(text, "basic auth", "basicauth", "oauth", "modern auth"):
		return "the provider takes no password of a mail program here, it wants OAuth"
	case Says(text, "enable", "activate", "disabled", "permitted", "not allowed", "not open", "switched off") && Says(text, "imap", "pop", "service"):
		return "switch IMAP or POP3 on in the provider's settings; where it is on, check user and password"
	case Says(text, "under a layer", "non-secure", "without tls", "without ssl", "cleartext", "plaintext", "encrypt"):
		return `the server wants TLS: use tls = "implicit" or "starttls"`
	case Says(text, "account", "user", "mailbox") && Says(text, "suspended", "disabled", "blocked", "locked", "closed", "deactivated"):
		return "the provider has locked or closed the account: log in with a web browser to see why"
	}
	return ""
}
