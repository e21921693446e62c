package imapscript

import (
	"fmt"
	"slices"
	"strings"

	"mailsync/internal/testkit/saslserver"
)

// Answer replaces one of a healthy server's answers, tagged line included. It returns
// false to let the server answer as usual, after what Answer has sent.
type Answer func(p *Peer, cmd Command) bool

// Answers are by verb, "UID FETCH" or "LOGIN"; "GREETING" is for the greeting, whose
// Command is empty.
type Answers map[string]Answer

// session is one connection to a healthy server.
type session struct {
	*Peer
	acct     *Account
	box      *Mailbox
	readOnly bool
	shown    []*Message // the sequence numbers that the client knows
	login    bool
	uidOnly  bool   // sequence numbers were given up (RFC 9586)
	lowest   uint32 // UID that the command came to before the limit; 0: it was done for all
}

// Healthy makes a Handler that serves an account as a good server does: enough of
// IMAP4rev1, CONDSTORE, ESEARCH, LIST-STATUS, UIDPLUS and MOVE for a client that fetches,
// appends, moves, stores flags and expunges. Its answers may be replaced. Several connections may be served at once.
func Healthy(acct *Account, replaced Answers) Handler {
	return func(p *Peer) {
		s := &session{Peer: p, acct: acct}
		if acct.PreAuth {
			s.login = true
			s.Send("* PREAUTH [CAPABILITY " + s.caps() + "] welcome back")
		} else if a := replaced["GREETING"]; a == nil || !a(p, Command{}) {
			s.Send("* OK [CAPABILITY " + s.caps() + "] ready")
		}
		for {
			cmd, ok := p.Next()
			if !ok {
				return
			}
			if a := replaced[cmd.Verb]; a != nil && a(p, cmd) {
				continue
			}
			if s.do(cmd); cmd.Verb == "LOGOUT" {
				return
			}
		}
	}
}

func (s *session) caps() string {
	if s.acct.Caps != "" {
		return s.acct.Caps
	}
	return DefaultCaps
}

func (s *session) ok(text string) { s.Send("$tag OK " + s.told(text)) }
func (s *session) no(text string) { s.Send("$tag NO " + text) }

// do answers one command. The account is locked meanwhile.
func (s *session) do(cmd Command) {
	s.acct.Lock()
	defer s.acct.Unlock()
	switch cmd.Verb {
	case "CAPABILITY":
		s.Send("* CAPABILITY " + s.caps())
		s.ok("done")
	case "NOOP":
		s.refresh()
		s.ok("done")
	case "LOGOUT":
		s.Send("* BYE logging out")
		s.ok("done")
	case "LOGIN":
		f := fields(cmd)
		s.enter(len(f) == 2 && f[0] == s.acct.User && f[1] == s.acct.Password)
	case "AUTHENTICATE":
		s.authenticate(cmd)
	case "ID":
		s.Send(`* ID ("name" "script")`)
		s.ok("done")
	default:
		if !s.login {
			s.Send("$tag BAD log in first")
			return
		}
		s.loggedIn(cmd)
	}
}

func (s *session) loggedIn(cmd Command) {
	switch cmd.Verb {
	case "ENABLE":
		s.enable(cmd)
	case "NAMESPACE":
		s.Send(`* NAMESPACE (("" "/")) NIL NIL`)
		s.ok("done")
	case "LIST":
		s.list(cmd)
	case "STATUS":
		if m := s.acct.Mailbox(fields(cmd)[0]); m != nil {
			s.status(m, cmd.Args[strings.LastIndexByte(cmd.Args, '('):])
			s.ok("done")
			return
		}
		s.no("[NONEXISTENT] no such mailbox")
	case "SELECT", "EXAMINE":
		s.open(cmd)
	case "APPEND":
		s.append(cmd)
	case "CREATE":
		s.create(cmd)
	case "SUBSCRIBE":
		s.ok("done")
	default:
		if s.box == nil {
			s.Send("$tag BAD no mailbox is selected, or no such command")
			return
		}
		s.selected(cmd)
	}
}

func (s *session) selected(cmd Command) {
	changes := !strings.HasSuffix(cmd.Verb, "FETCH") && !strings.HasSuffix(cmd.Verb, "SEARCH") && cmd.Verb != "UNSELECT" && cmd.Verb != "CLOSE"
	switch {
	case s.numbers(cmd):
	case changes && s.readOnly:
		s.no("[READ-ONLY] mailbox is open for reading")
	case cmd.Verb == "UNSELECT" || cmd.Verb == "CLOSE" && s.readOnly:
		s.box = nil
		s.ok("done")
	case cmd.Verb == "UID FETCH" || cmd.Verb == "FETCH":
		s.fetch(cmd)
	case cmd.Verb == "UID SEARCH" || cmd.Verb == "SEARCH":
		s.search(cmd)
	case cmd.Verb == "UID STORE":
		s.store(cmd)
	case cmd.Verb == "UID EXPUNGE":
		s.expunge(cmd)
	case cmd.Verb == "UID COPY" || cmd.Verb == "UID MOVE":
		s.copy(cmd)
	default:
		s.Send("$tag BAD no such command")
	}
}

func (s *session) enter(right bool) {
	if s.login = right; !right {
		s.no("[AUTHENTICATIONFAILED] wrong user or password")
		return
	}
	s.ok("[CAPABILITY " + s.caps() + "] logged in")
}

// authenticate takes AUTHENTICATE with PLAIN, or a mechanism that is announced, with the initial response in the
// command or after a continuation request.
func (s *session) authenticate(cmd Command) {
	mech, _, _ := strings.Cut(cmd.Args, " ")
	if !strings.EqualFold(mech, "PLAIN") && !strings.Contains(strings.ToUpper(s.caps())+" ", "AUTH="+strings.ToUpper(mech)+" ") {
		s.no("no such mechanism")
		return
	}
	u := s.acct.SASL
	u.Name, u.Password = s.acct.User, s.acct.Password
	right, told := u.LogIn(cmd.Args, saslserver.Peer{TLS: s.Secure(), Send: s.Send, Line: s.Line})
	if told != "" {
		s.no("[AUTHENTICATIONFAILED] you said " + told)
		return
	}
	s.enter(right)
}

// list answers LIST, with STATUS where RETURN asks for it (RFC 5819).
func (s *session) list(cmd Command) {
	args, items, withStatus := strings.Cut(cmd.Args, "STATUS (")
	if strings.HasSuffix(strings.TrimSpace(args), `"" ""`) {
		s.Send(`* LIST (\Noselect) "/" ""`)
		s.ok("done")
		return
	}
	for _, m := range s.acct.Mailboxes {
		s.Send(fmt.Sprintf(`* LIST (%s) "/" %s`, strings.TrimSpace(`\HasNoChildren `+m.Attrs), quote(m.Name)))
		if withStatus {
			s.status(m, items)
		}
	}
	s.ok("done")
}

// status sends STATUS with those of its items that are asked for.
func (s *session) status(m *Mailbox, items string) {
	var out []string
	for _, item := range strings.FieldsFunc(items, func(r rune) bool { return r == ' ' || r == '(' || r == ')' }) {
		switch item {
		case "MESSAGES":
			out = append(out, fmt.Sprint("MESSAGES ", len(s.visible(m))))
		case "UIDNEXT":
			out = append(out, fmt.Sprint("UIDNEXT ", m.UIDNext))
		case "UIDVALIDITY":
			out = append(out, fmt.Sprint("UIDVALIDITY ", m.UIDValidity))
		case "UNSEEN":
			out = append(out, fmt.Sprint("UNSEEN ", m.unseen()))
		case "HIGHESTMODSEQ":
			out = append(out, fmt.Sprint("HIGHESTMODSEQ ", m.ModSeq))
		case "SIZE":
			out = append(out, fmt.Sprint("SIZE ", m.size()))
		}
	}
	s.Sendf("* STATUS %s (%s)", quote(m.Name), strings.Join(out, " "))
}

// open answers SELECT and EXAMINE (RFC 3501, 6.3.1; RFC 7162, 3.1.2).
func (s *session) open(cmd Command) {
	m := s.acct.Mailbox(fields(cmd)[0])
	if s.box = m; m == nil {
		s.no("[NONEXISTENT] no such mailbox")
		return
	}
	s.readOnly = cmd.Verb == "EXAMINE"
	s.shown = slices.Clone(s.visible(m))
	s.Send(`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Forwarded)`)
	permanent := `\Answered \Flagged \Deleted \Seen \Draft $Forwarded \*`
	mode := "READ-WRITE"
	if s.readOnly {
		permanent, mode = "", "READ-ONLY"
	}
	s.Sendf("* OK [PERMANENTFLAGS (%s)] flags", permanent)
	s.Sendf("* %d EXISTS", len(s.shown))
	s.Send("* 0 RECENT")
	s.Sendf("* OK [UIDVALIDITY %d] valid", m.UIDValidity)
	s.Sendf("* OK [UIDNEXT %d] next", m.UIDNext)
	if m.ModSeq > 0 {
		s.Sendf("* OK [HIGHESTMODSEQ %d] highest", m.ModSeq)
	} else {
		s.Send("* OK [NOMODSEQ] none")
	}
	s.ok("[" + mode + "] opened")
}

// fields returns the command's arguments, up to the first list, without quotes and
// with its literals in place.
func fields(cmd Command) []string {
	var out []string
	rest, lits := cmd.Args, cmd.Literals
	for rest = strings.TrimLeft(rest, " "); rest != "" && rest[0] != '('; rest = strings.TrimLeft(rest, " ") {
		var word string
		if rest[0] == '"' {
			end := 1
			for ; end < len(rest) && rest[end] != '"'; end++ {
				if rest[end] == '\\' {
					end++
				}
				word += rest[end : end+1]
			}
			rest = rest[min(end+1, len(rest)):]
		} else {
			word, rest, _ = strings.Cut(rest, " ")
			if _, _, ok := header(word); ok && len(lits) > 0 {
				word, lits = string(lits[0]), lits[1:]
			}
		}
		out = append(out, word)
	}
	return append(out, "", "")[:max(len(out), 1)]
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
