package wire

import (
	"encoding/base64"
	"slices"
	"strings"

	"mailsync/backends/imap/grammar"
)

// tagged takes the tagged answer to a command (RFC 3501, 7.1).
func (in *filter) tagged(line string) error {
	c := grammar.Scan(line, nil)
	c.SP()
	tag := c.Word()
	c.SP()
	typ := strings.ToUpper(statusWord(&c))
	if typ != "OK" && typ != "NO" && typ != "BAD" {
		return in.log.garbled("something that is not a response", line)
	}
	if mine := in.x.ours(tag); mine != nil {
		code, text := in.parts(c.Rest())
		in.heard(typ, code, text, true)
		if words, ok := strings.CutPrefix(code, "CAPABILITY"); ok && typ == "OK" {
			in.capabilityResponse(words, code) // the client keeps them, too
		}
		return in.x.finish(mine, &Answer{Type: typ, Code: code, Text: text})
	}
	cmd := in.x.answered(tag)
	if cmd == nil {
		return in.log.garbled("an answer to a command that was not sent", line)
	}
	in.status(cmd.tag, typ, line, c.Rest())
	return nil
}

// statusWord reads a status, which a code may follow without a blank.
func statusWord(c *grammar.Scanner) string { return c.Until(" \t()[") }

var statuses = []string{"OK", "NO", "BAD", "BYE", "PREAUTH"}

// statusOf returns a status in upper case, "" for any other word.
func statusOf(word string) string {
	for _, typ := range statuses {
		if is(word, typ) {
			return typ
		}
	}
	return ""
}

// status takes an OK, NO, BAD, BYE or PREAUTH with the tag "*" or the client's, rest being what follows the word:
// the client gets the code in a form that imapclient reads, or not at all, and the text.
func (in *filter) status(tag, typ, line, rest string) {
	code, words := in.parts(rest)
	in.heard(typ, code, words, tag != "*")
	at := len(in.out)
	out := append(append(append(in.out, tag...), ' '), typ...)
	if rest := trimBlanks(rest); code == "" && strings.HasPrefix(rest, "[") && len(words) < len(rest) {
		in.report(Repair{What: "response code that cannot be read left out", Lost: true}, rest)
	}
	coded := false
	if code != "" {
		canon, why := readable(code)
		if why != "" {
			in.report(Repair{What: why, Lost: why != flagsRewritten}, code)
		}
		if coded = canon != ""; coded {
			out = append(append(append(out, " ["...), canon...), ']')
		}
	}
	if !coded {
		words = strings.TrimLeft(words, " \t") // those that stood behind a code that is left out
	}
	if len(words) > 0 {
		out = append(out, ' ')
		if !coded && words[0] == '[' {
			out = append(out, '-', ' ') // else imapclient would look for a code
		}
		out = append(out, unprintable.Replace(words)...)
	}
	if seen := string(out[at:]); !strings.EqualFold(seen, line) && len(strings.Fields(seen)) == len(strings.Fields(line)) {
		in.report(Repair{What: "blanks put right"}, line)
	}
	in.out = append(out, "\r\n"...)
}

// unprintable are the octets that imapclient takes in no text.
var unprintable = strings.NewReplacer("\r", "?", "\x00", "?")

// heard hands a text to whoever listens, and remembers that of a BYE.
func (in *filter) heard(typ, code, text string, tagged bool) {
	if typ == "BYE" {
		in.x.keepBye(text)
	}
	in.o.OnText(typ, code, text, tagged)
}

// parts is splitCode for what may be shown: the text, which is for people, is without
// secrets. An unknown code with one in its name is left out.
func (in *filter) parts(rest string) (code, words string) {
	code, words = splitCode(rest)
	name, _, _ := strings.Cut(code, " ")
	if raw := rest[:len(rest)-len(words)]; name != "" && !slices.Contains(known, name) && in.log.Secrets.Hide(raw) != raw {
		code = ""
	}
	return code, in.log.Secrets.Hide(words)
}

// known are the response codes that mean something to us, whatever they look like.
var known = []string{
	"ALERT", "APPENDUID", "CAPABILITY", "COPYUID", "HIGHESTMODSEQ", "MODIFIED",
	"NOMODSEQ", "PERMANENTFLAGS", "READ-ONLY", "READ-WRITE", "TRYCREATE", "UIDNEXT",
	"UIDNOTSTICKY", "UIDVALIDITY", "UNAVAILABLE", "AUTHENTICATIONFAILED", "OVERQUOTA",
}

// splitCode parts a response code from the text after it (RFC 3501, 7.1). The code's
// name is in upper case. A bracket that is not closed, or holds no name, is not a code.
func splitCode(rest string) (code, words string) {
	rest = strings.TrimLeft(rest, " \t")
	inner, isCode := strings.CutPrefix(rest, "[")
	if !isCode {
		return "", rest
	}
	inner, words, closed := strings.Cut(inner, "]")
	if !closed {
		return "", trimBlanks(inner)
	}
	words = strings.TrimPrefix(words, " ")
	name, args, _ := strings.Cut(trimBlanks(inner), " ")
	if !grammar.IsAtom(name) {
		return "", words
	}
	code = strings.ToUpper(name)
	if args = trimBlanks(args); args != "" {
		code += " " + args
	}
	return code, words
}

// readable returns a response code in a form that imapclient reads, "" where it is to be
// left out, and why it was changed.
func readable(code string) (canon, why string) {
	name, args, _ := strings.Cut(code, " ")
	const bad = "response code out of range left out"
	switch name {
	case "CAPABILITY":
		words, dropped := capabilities(args)
		if dropped {
			why = "capability that is not an atom left out"
		}
		return "CAPABILITY" + words, why
	case "PERMANENTFLAGS":
		c := grammar.Scan(args, nil)
		list, why, _ := appendFlags([]byte("PERMANENTFLAGS "), &c, true)
		if list != nil && !c.Done() {
			return "", bad
		}
		return string(list), why
	case "UIDNEXT", "UIDVALIDITY":
		if _, ok := grammar.Number32(args); !ok {
			return "", bad
		}
	case "HIGHESTMODSEQ":
		if _, ok := grammar.Number63(args); !ok {
			return "", bad
		}
	case "APPENDUID", "COPYUID": // of commands that are not the client's, which would expand their sets
		return "", bad
	default:
		if strings.Contains(args, "\r") {
			return name, bad
		}
	}
	return code, ""
}

// capabilities returns the words of a capability list, a blank before each. What is no
// word is left out: imapclient would never end reading a parenthesis here.
func capabilities(args string) (words string, dropped bool) {
	for w := range strings.FieldsSeq(args) {
		if grammar.IsAtom(w) {
			words += " " + w
		} else {
			dropped = true
		}
	}
	return words, dropped
}

// continuation takes a continuation request (RFC 3501, 7.5). One that nobody waits for
// is dropped: imapclient would break the connection.
func (in *filter) continuation(line string) error {
	if in.x.goAhead() {
		return nil
	}
	if taken, err := in.x.challenge(trimBlanks(line[1:])); taken {
		return err
	}
	cmd := in.x.invited()
	if cmd == nil {
		in.report(Repair{What: "continuation request that nobody waits for dropped"}, line)
		return nil
	}
	words := strings.TrimPrefix(line[1:], " ")
	if cmd.verb == "AUTHENTICATE" {
		words = trimBlanks(words)
		if _, err := base64.StdEncoding.DecodeString(words); err != nil {
			in.report(Repair{What: "challenge that is no base64 taken for an empty one", Lost: true}, words)
			words = ""
		}
	}
	in.out = append(append(append(in.out, "+ "...), words...), "\r\n"...)
	return nil
}
