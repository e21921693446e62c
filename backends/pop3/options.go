package pop3

import "mailsync/backends/reach"

// Secret is what proves who the user is: a password, or a token of OAuth 2.0.
//
// A Password that is "Bearer " and a token, as HTTP spells it, is that token. So is any
// other where the server takes tokens only, or takes tokens as well and the Password looks
// like one.
type Secret = reach.Secret

// Options says how an account is reached.
type Options struct {
	reach.Options

	// WorkedBefore says that a log-in worked in an earlier run: a refusal that does not say why is
	// not taken for one of the password.
	WorkedBefore bool

	// Numbers are the account's, with what the base knows; nil: none are known. The same
	// must be the Maildirs' Keys.
	Numbers *Numbers
}

// complete sets what was left open, and checks the rest.
func (o *Options) complete() error {
	if o.Numbers == nil {
		o.Numbers = NewNumbers(nil)
	}
	return o.Complete(reach.Protocol{Name: "a POP3", Port: 110, Implicit: 995, StartTLS: "STLS"})
}
