package wire

import (
	"bytes"
	"encoding/base64"
)

// tagged takes the tagged answer to a command (RFC 3501, 7.1).
func (in *filter) tagged(line []byte) error {
	s := scanner{b: line}
	s.blanks()
	tag := s.word()
	s.blanks()
	typ := string(bytes.ToUpper(statusWord(&s)))
	if typ != "OK" && typ != "NO" && typ != "BAD" {
		return in.log.garbled("something that is no response", line)
	}
	if mine := in.x.ours(tag); mine != nil {
		code, text := in.parts(line[s.i:])
		in.heard(typ, code, text, true)
		return in.x.finish(mine, &Answer{Type: typ, Code: string(code), Text: string(text)})
	}
	cmd := in.x.answered(tag)
	if cmd == nil {
		return in.log.garbled("an answer to a command that was not sent", line)
	}
	at := len(in.out)
	in.out = append(append(append(in.out, cmd.tag...), ' '), typ...)
	in.status(typ, line[s.i:], cmd)
	in.reportChange(line, at)
	return nil
}

// statusWord consumes a status, which a code may follow without a blank.
func statusWord(s *scanner) []byte {
	start := s.i
	for s.more() && !endsWord(s.peek()) && s.peek() != '[' {
		s.i++
	}
	return s.b[start:s.i]
}

var statuses = []string{"OK", "NO", "BAD", "BYE", "PREAUTH"}

// statusOf spells a status, in whatever case it came; "" for any other word.
func statusOf(word []byte) string {
	for _, typ := range statuses {
		if is(word, typ) {
			return typ
		}
	}
	return ""
}

// reportChange tells of a status line whose blanks or case were put right.
func (in *filter) reportChange(line []byte, at int) {
	if out := chomp(in.out[at:]); !bytes.EqualFold(out, line) && len(bytes.Fields(out)) == len(bytes.Fields(line)) {
		in.report(Repair{What: "blanks put right"}, line)
	}
}

// untaggedStatus takes an untagged OK, NO, BAD, BYE or PREAUTH.
func (in *filter) untaggedStatus(typ string, line, rest []byte) {
	at := len(in.out)
	in.out = append(append(in.out, "* "...), typ...)
	in.status(typ, rest, nil)
	in.reportChange(line, at)
}

// status appends what follows a status to out: the code in a form that imapclient
// reads, or without it, and the text.
func (in *filter) status(typ string, rest []byte, cmd *command) {
	code, words := in.parts(rest)
	in.heard(typ, code, words, cmd != nil)
	out := in.out
	if len(code) == 0 && len(trimBlanks(rest)) > 0 && trimBlanks(rest)[0] == '[' && len(words) < len(trimBlanks(rest)) {
		in.report(Repair{What: "response code that cannot be read left out", Lost: true}, rest)
	}
	coded := false
	if len(code) > 0 {
		canon, why := in.code(code, cmd)
		if why != "" {
			in.report(Repair{What: why, Lost: why != flagsRewritten}, code)
		}
		if coded = canon != nil; coded {
			out = append(append(append(out, " ["...), canon...), ']')
		}
	}
	if !coded {
		words = bytes.TrimLeft(words, " \t") // those that stood behind a code that is left out
	}
	if len(words) > 0 {
		out = append(out, ' ')
		if !coded && words[0] == '[' {
			out = append(out, '-', ' ') // else imapclient would look for a code
		}
		for _, ch := range words {
			if ch == '\r' || ch == 0 {
				ch = '?'
			}
			out = append(out, ch)
		}
	}
	in.out = append(out, "\r\n"...)
}

// heard hands a text to whoever listens, and remembers why the server says good-bye.
func (in *filter) heard(typ string, code, text []byte, tagged bool) {
	if typ == "BYE" {
		in.x.said(text)
	}
	in.mu.Lock()
	f := in.onText
	in.mu.Unlock()
	if f != nil {
		f(typ, string(code), string(text), tagged)
	}
}

// parts is splitCode for what may be shown: the text, which is for people, comes without
// secrets. A code whose name holds one is none that we know, and is left out.
func (in *filter) parts(rest []byte) (code, words []byte) {
	code, words = splitCode(rest)
	name, _, _ := bytes.Cut(code, []byte(" "))
	if raw := rest[:len(rest)-len(words)]; len(name) > 0 && !known[string(name)] && !bytes.Equal(in.log.redact(raw), raw) {
		code = nil
	}
	return code, in.log.redact(words)
}

// known are the response codes that mean something to us, whatever they look like.
var known = map[string]bool{
	"ALERT": true, "APPENDUID": true, "CAPABILITY": true, "COPYUID": true, "HIGHESTMODSEQ": true, "MODIFIED": true,
	"NOMODSEQ": true, "PERMANENTFLAGS": true, "READ-ONLY": true, "READ-WRITE": true, "TRYCREATE": true, "UIDNEXT": true,
	"UIDNOTSTICKY": true, "UIDVALIDITY": true, "UNAVAILABLE": true, "AUTHENTICATIONFAILED": true, "OVERQUOTA": true,
}

// splitCode parts a response code from the text after it (RFC 3501, 7.1). The code's
// name comes in upper case. A bracket that is not closed, or holds no name, is no code.
func splitCode(rest []byte) (code, words []byte) {
	rest = bytes.TrimLeft(rest, " \t")
	if len(rest) == 0 || rest[0] != '[' {
		return nil, rest
	}
	end := bytes.IndexByte(rest, ']')
	if end < 0 {
		return nil, trimBlanks(rest[1:])
	}
	inner, words := trimBlanks(rest[1:end]), bytes.TrimPrefix(rest[end+1:], []byte(" "))
	name, args, more := bytes.Cut(inner, []byte(" "))
	if !isWord(name) {
		return nil, words
	}
	code = bytes.ToUpper(name)
	if args = trimBlanks(args); more && len(args) > 0 {
		code = append(append(code, ' '), args...)
	}
	return code, words
}

// code returns a response code in a form that imapclient reads, nil where it is to be
// left out, and why it was changed.
func (in *filter) code(code []byte, cmd *command) (canon []byte, why string) {
	name, args, _ := bytes.Cut(code, []byte(" "))
	const bad = "response code out of range left out"
	switch string(name) {
	case "CAPABILITY":
		words, dropped := capabilities(args)
		if dropped {
			why = "capability that is no atom left out"
		}
		return append([]byte("CAPABILITY"), words...), why
	case "PERMANENTFLAGS":
		s := scanner{b: args, depth: in.o.MaxDepth}
		v, k := s.value()
		if s.blanks(); s.more() {
			return nil, bad
		}
		list, why, _ := appendFlags([]byte("PERMANENTFLAGS "), v, k, true, in.o.MaxDepth)
		return list, why
	case "UIDNEXT", "UIDVALIDITY":
		if _, ok := number32(args); !ok {
			return nil, bad
		}
	case "HIGHESTMODSEQ":
		if !isNumber(args) {
			return nil, bad
		}
	case "APPENDUID", "COPYUID": // of commands that are not the client's, which would expand their sets
		return nil, bad
	default:
		if bytes.IndexByte(args, '\r') >= 0 {
			return name, bad
		}
	}
	return code, ""
}

// capabilities returns the words of a capability list, a blank before each. What is no
// word is left out: imapclient would never end reading a parenthesis here.
func capabilities(args []byte) (words []byte, dropped bool) {
	for _, w := range bytes.Fields(args) {
		if !isWord(w) {
			dropped = true
			continue
		}
		words = append(append(words, ' '), w...)
	}
	return words, dropped
}

// continuation takes a continuation request (RFC 3501, 7.5). One that nobody waits for
// is dropped: imapclient would break the connection.
func (in *filter) continuation(line []byte) error {
	if in.x.goAhead() {
		return nil
	}
	cmd := in.x.invited()
	if cmd == nil {
		in.report(Repair{What: "continuation request that nobody waits for dropped"}, line)
		return nil
	}
	words := bytes.TrimPrefix(line[1:], []byte(" "))
	if cmd.verb == "AUTHENTICATE" {
		words = trimBlanks(words)
		if _, err := base64.StdEncoding.DecodeString(string(words)); err != nil {
			in.report(Repair{What: "challenge that is no base64 taken for an empty one", Lost: true}, words)
			words = nil
		}
	}
	in.out = append(append(append(in.out, "+ "...), words...), "\r\n"...)
	return nil
}
