package wire

import (
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
)

// untaggedResponse takes a response that begins with * (RFC 3501, 7), of which the first line
// is read.
func (in *filter) untaggedResponse(first string) error {
	c := grammar.Scan(first[1:], nil)
	c.SP()
	from := len(first) - len(c.Rest())
	word := statusWord(&c)
	if word == "" {
		return in.log.garbled("something that is not a response", first)
	}
	if typ := statusOf(word); typ != "" {
		if in.x.collecting() {
			if err := in.collect(first[from:], nil); err != nil {
				return err
			}
		}
		in.status("*", typ, first, c.Rest())
		return nil
	}
	if in.x.collecting() {
		return in.collectRest(first, from)
	}
	if _, numbered := grammar.Number32(word); numbered {
		c.SP()
		if name := c.Word(); is(name, "FETCH") || is(name, uidFetch) {
			if c.SP(); c.Eat('(') {
				return in.fetch.begin(word, is(name, uidFetch), first, len(first)-len(c.Rest()))
			}
		}
	}
	text, err := in.rd.rest(first)
	if err != nil {
		return err
	}
	at := len(in.out)
	if err := in.data(text[from:]); err != nil {
		return err
	}
	if out := string(chomp(in.out[at:])); out != "" && len(out) <= len(text) && !strings.EqualFold(out, text) && onlyBlanks(out, text) {
		in.report(Repair{What: "blanks put right"}, text)
	}
	return nil
}

// onlyBlanks reports whether two lines differ by their blanks alone.
func onlyBlanks(a, b string) bool {
	return strings.EqualFold(strings.Join(strings.Fields(a), ""), strings.Join(strings.Fields(b), ""))
}

// data takes a complete response other than a status or a FETCH, without its "* ". What does
// not answer a command that the client is used for is dropped, well formed or not.
func (in *filter) data(text string) error {
	text = strings.TrimRight(text, " \t")
	c := grammar.Scan(text, in.rd.lits)
	word := c.Word()
	switch name := strings.ToUpper(word); {
	case word == "":
		return in.log.garbled("something that is not a response", text)
	case word[0] >= '0' && word[0] <= '9':
		return in.numbered(word, &c, text)
	case name == "CAPABILITY":
		in.capabilityResponse(c.Rest(), text)
		return nil
	case name == "FLAGS":
		in.flagsResponse(&c)
		return nil
	}
	return in.unknown(word, text)
}

// unknown drops a response that the client does not know, or that it does not ask for.
func (in *filter) unknown(name, text string) error {
	if !grammar.IsAtom(name) {
		return in.log.garbled("something that is not a response", text)
	}
	if slices.Contains(unsolicited, strings.ToUpper(name)) {
		in.report(Repair{What: "response dropped that nobody asked for"}, text)
		return nil
	}
	in.report(Repair{What: "unknown response dropped", Lost: true}, text)
	return nil
}

// unsolicited are responses that servers send on their own, too: a LIST with a SELECT (RFC 9051 section 6.3.2),
// those of NOTIFY and QRESYNC. What is in them is asked for where it is needed.
var unsolicited = []string{"LIST", "LSUB", "STATUS", "SEARCH", "ESEARCH", "ENABLED", "ID",
	"NAMESPACE", "QUOTA", "QUOTAROOT", "VANISHED"}

// numbered takes EXISTS, RECENT and EXPUNGE (RFC 3501, 7.3 and 7.4.1). On them rests
// what is there and what is not, so one that cannot be read ends the connection.
func (in *filter) numbered(num string, c *grammar.Scanner, text string) error {
	c.SP()
	what := strings.ToUpper(c.Word())
	switch what {
	case "EXISTS", "RECENT", "EXPUNGE":
	case "FETCH":
		in.report(Repair{What: "FETCH response that cannot be read dropped", Lost: true}, text)
		return nil
	default:
		return in.unknown(what, text)
	}
	n, ok := grammar.Number32(num)
	if !ok || !c.Done() || n == 0 && what == "EXPUNGE" {
		return in.log.garbled("an impossible number", text)
	}
	if what == "EXISTS" {
		in.x.counted(n)
	}
	in.out = append(appendUint(append(in.out, "* "...), n), ' ')
	in.out = append(append(in.out, what...), "\r\n"...)
	return nil
}

func (in *filter) capabilityResponse(rest, text string) {
	words, dropped := capabilities(rest)
	if dropped {
		in.report(Repair{What: "capability that is not an atom left out", Lost: true}, text)
	}
	in.out = append(append(append(in.out, "* CAPABILITY"...), words...), "\r\n"...)
}

func (in *filter) flagsResponse(c *grammar.Scanner) {
	c.SP()
	rest := c.Rest()
	out, why, at := appendFlags(append(in.out, "* FLAGS "...), c, true)
	if out != nil && !c.Done() {
		out, why, at = nil, flagsUnread, rest
	}
	if why != "" {
		in.report(Repair{What: why, Lost: why != flagsRewritten}, at)
	}
	if out != nil {
		in.out = append(out, "\r\n"...)
	}
}

// collectRest takes an untagged answer for our own command. from is where it begins in its
// first line, after the "* ".
func (in *filter) collectRest(first string, from int) error {
	text, err := in.rd.rest(first)
	if err != nil {
		return err
	}
	text = asFetch(text[from:])
	if err := in.collect(text, in.rd.lits); err != nil {
		return err
	}
	c := grammar.Scan(text, nil)
	word := c.Word()
	c.SP()
	_, numbered := grammar.Number63(word)
	switch next := strings.ToUpper(c.Word()); {
	case is(word, "CAPABILITY"), is(word, "FLAGS"),
		numbered && (next == "EXISTS" || next == "EXPUNGE" || next == "RECENT"):
		return in.data(text)
	}
	return nil
}

// uidFetch is the response that has a UID in place of a sequence number (RFC 9586 section 3.3).
const uidFetch = "UIDFETCH"

// asFetch makes of 5 UIDFETCH (FLAGS ()) the FETCH response of the same content, in which the UID stands for
// the sequence number as well: 5 FETCH (UID 5 FLAGS ()).
func asFetch(text string) string {
	c := grammar.Scan(text, nil)
	uid := c.Word()
	c.SP()
	if _, ok := grammar.Number32(uid); !ok || !is(c.Word(), uidFetch) {
		return text
	}
	switch c.SP(); {
	case !c.Eat('('):
		return text
	case c.Peek() == ')': // it tells of nothing
		return uid + " FETCH (" + c.Rest()
	}
	return uid + " FETCH (UID " + uid + " " + c.Rest()
}

// collect hands an answer to our own command.
func (in *filter) collect(text string, literals [][]byte) error {
	return in.x.hand(Line{Text: text, Literals: literals, secrets: in.o.Secrets})
}
