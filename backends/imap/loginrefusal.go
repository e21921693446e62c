package imap

import (
	"cmp"

	"mailsync/backends/reach"
)

// says reports whether the text holds one of these words, in any case.
func (r *refusal) says(words ...string) bool { return reach.Says(r.text, words...) }

// later reports whether a refused log-in is about now. What speaks of failures is not: the
// server counts them, and to come back with the same password would be one more.
func (r *refusal) later() bool {
	if _, later := r.comeBack(); later {
		return true
	}
	if r.ofTheUserByCode() || r.says("fail", "invalid", "incorrect", "wrong", "password", "locked", "blocked") && !r.says("temporary", "another session") {
		return false
	}
	return reach.Passes(r.text)
}

// ofTheUser reports whether a refusal says that user or password are wrong (RFC 5530 section 3).
// It is asked of what answers no command, and so may be about anything.
func (r *refusal) ofTheUser() bool {
	return !r.later() && (r.ofTheUserByCode() || reach.Blames(r.text))
}

func (r *refusal) ofTheUserByCode() bool {
	return r.hasCode("AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED", "PRIVACYREQUIRED", "CONTACTADMIN")
}

// ofTheWay reports whether a refusal says that the server does not take this way of logging in:
// another one may do. An alert is for the user, and so are words of what the user has to do.
func (r *refusal) ofTheWay() bool {
	if r.ofTheUserByCode() || r.hasCode("ALERT") || reach.RefusedHint(r.text) != "" {
		return false
	}
	return r.typ == "BAD" || r.hasCode("CANNOT") ||
		r.says("mechanism", "unsupported", "not supported", "not implemented", "not enabled", "unknown command")
}

// loginHint says what to do about a refused log-in.
func (r *refusal) loginHint() string {
	switch {
	case r.hasCode("PRIVACYREQUIRED"):
		return `the server wants TLS: use tls = "implicit" or "starttls"`
	case r.hasCode("EXPIRED"):
		return "the password has expired: set a new one at the provider's"
	case r.hasCode("CONTACTADMIN"):
		return "the server says that its administrator has to be asked"
	}
	return cmp.Or(reach.RefusedHint(r.text), "check user and password; many providers want an app password for mail programs")
}
