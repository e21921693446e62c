package imap

import (
	"strings"
	"sync"

	goimap "github.com/emersion/go-imap/v2"

	"mailsync/backends/reach"
)

// heard is what the server sent on one connection beside the answers to commands. It is safe for
// concurrent use: the goroutine that reads fills it.
type heard struct {
	show func(text string) // to the user

	mu   sync.Mutex
	bye  *refusal
	caps goimap.CapSet // of the last CAPABILITY response code
	// Until the log-in has ended:
	complaint *refusal // the last NO or BAD that is not an answer to a command
	notices   []string // what the user has to see
	entered   bool     // it has ended
}

// take hears every status response; the reading goroutine calls it.
func (h *heard) take(kind, code, text string, tagged bool) {
	r := &refusal{typ: kind, code: code, text: reach.Quoted(text)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heed(r, tagged)
	switch {
	case kind == "BYE":
		h.bye = r
	case r.hasCode("CAPABILITY"):
		h.caps = goimap.CapSet{}
		for _, c := range strings.Fields(strings.ToUpper(code))[1:] {
			h.caps[capNamed(c)] = struct{}{}
		}
	}
}

// heed picks from the status responses what the user has to see: alerts (RFC 9051 section 7.1),
// and what a server complains about during the log-in. The answer to a command is reported as
// that command's failure. h.mu is held.
func (h *heard) heed(r *refusal, tagged bool) {
	refuses := r.typ == "NO" || r.typ == "BAD"
	if refuses && !tagged && !h.entered {
		h.complaint = r
	}
	switch {
	case r.hasCode("ALERT") && !h.entered, refuses && !tagged && !h.entered:
		if len(h.notices) < maxNotices {
			h.notices = append(h.notices, r.text)
		}
	case r.hasCode("ALERT") && !(refuses && tagged):
		h.show(r.text)
	}
}

// capNamed spells the two capabilities that are not all upper case as imapclient does.
func capNamed(upper string) goimap.Cap {
	switch upper {
	case "IMAP4REV1":
		return goimap.CapIMAP4rev1
	case "IMAP4REV2":
		return goimap.CapIMAP4rev2
	}
	return goimap.Cap(upper)
}

// farewell returns the server's BYE, nil without.
func (h *heard) farewell() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.bye == nil {
		return nil
	}
	return h.bye
}

// takeCaps returns the capabilities of a response code that was read since the last call.
func (h *heard) takeCaps() goimap.CapSet {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.caps
	h.caps = nil
	return c
}

// loginBegins forgets what the server said of itself before the log-in.
func (h *heard) loginBegins() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.caps, h.complaint = nil, nil
}

// ofLogin returns the BYE, or the untagged NO or BAD, that is about a log-in without an answer: one that
// blames the user, or where there is none and the server hung up, a complaint of any other kind, unless it is
// about the mailbox or the BYE about the server.
func (h *heard) ofLogin(hungUp bool) (*refusal, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range []*refusal{h.bye, h.complaint} {
		if r != nil && r.ofTheUser() {
			return r, true
		}
	}
	r := h.complaint
	switch {
	case r == nil:
		return nil, false
	case r.later():
		return r, true
	case !hungUp, h.bye != nil && (h.bye.later() || h.bye.ofTheServer()), r.ofTheServer(), r.ofTheMailbox():
		return nil, false
	}
	return r, true
}

// passOn shows the user what was sent until the log-in ended, but for what is in its error anyway.
func (h *heard) passOn(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entered = true
	for _, text := range h.notices {
		if err == nil || !strings.Contains(err.Error(), text) {
			h.show(text)
		}
	}
	h.notices = nil
}
