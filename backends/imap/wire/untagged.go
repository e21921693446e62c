package wire

import (
	"bytes"
	"strconv"
)

// untaggedResponse takes a response that begins with * (RFC 3501, 7).
func (in *filter) untaggedResponse(first []byte) error {
	s := scanner{b: first, i: 1}
	s.blanks()
	from := s.i
	word := statusWord(&s)
	if len(word) == 0 {
		return in.log.garbled("something that is no response", first)
	}
	if typ := statusOf(word); typ != "" {
		if in.x.collecting() {
			if err := in.collect(first[from:]); err != nil {
				return err
			}
		}
		in.untaggedStatus(typ, first, first[s.i:])
		return nil
	}
	if in.x.collecting() {
		return in.collectWhole(from)
	}
	if word[0] >= '0' && word[0] <= '9' {
		s.blanks()
		if is(s.word(), "FETCH") {
			if s.blanks(); s.take('(') && isNumber32(word) {
				return in.fetch.begin(word, s.i)
			}
		}
	}
	line, err := in.rd.whole()
	if err != nil {
		return err
	}
	at := len(in.out)
	if err := in.data(line[from:]); err != nil {
		return err
	}
	if out := in.out[at:]; len(out) > 0 && len(out) <= len(line) && !bytes.EqualFold(chomp(out), line) && onlyBlanks(out, line) {
		in.report(Repair{What: "blanks put right"}, line)
	}
	return nil
}

// onlyBlanks reports whether two lines differ by their blanks alone.
func onlyBlanks(a, b []byte) bool {
	return bytes.EqualFold(bytes.Join(bytes.Fields(a), nil), bytes.Join(bytes.Fields(b), nil))
}

func isNumber32(b []byte) bool {
	_, ok := number32(b)
	return ok
}

// data takes a whole response, which is no status and no FETCH, without its "* ". What is no
// answer to a command that the client is used for is dropped, well formed or not.
func (in *filter) data(line []byte) error {
	line = bytes.TrimRight(line, " \t")
	s := scanner{b: line, depth: in.o.MaxDepth}
	word := s.word()
	if word[0] >= '0' && word[0] <= '9' {
		return in.numbered(word, line)
	}
	rest := line[s.i:]
	switch string(bytes.ToUpper(word)) {
	case "CAPABILITY":
		return in.capabilityResponse(rest, line)
	case "FLAGS":
		return in.flagsResponse(rest, line)
	}
	if !isWord(word) {
		return in.log.garbled("something that is no response", line)
	}
	in.report(Repair{What: "unknown response dropped", Lost: true}, line)
	return nil
}

// numbered takes EXISTS, RECENT and EXPUNGE (RFC 3501, 7.3 and 7.4.1). On them rests
// what is there and what is not, so one that cannot be read ends the connection.
func (in *filter) numbered(num, line []byte) error {
	s := scanner{b: line, i: len(num)}
	s.blanks()
	what := bytes.ToUpper(s.word())
	s.blanks()
	n, ok := number32(num)
	switch string(what) {
	case "EXISTS", "RECENT", "EXPUNGE":
	case "FETCH":
		in.report(Repair{What: "FETCH response that cannot be read dropped", Lost: true}, line)
		return nil
	default:
		if !isWord(what) {
			return in.log.garbled("something that is no response", line)
		}
		in.report(Repair{What: "unknown response dropped", Lost: true}, line)
		return nil
	}
	if !ok || s.more() || n == 0 && string(what) == "EXPUNGE" {
		return in.log.garbled("an impossible number", line)
	}
	if string(what) == "EXISTS" {
		in.x.counted(n)
	}
	out := append(append(in.out, "* "...), strconv.FormatUint(uint64(n), 10)...)
	in.out = append(append(append(out, ' '), what...), "\r\n"...)
	return nil
}

func (in *filter) capabilityResponse(rest, line []byte) error {
	words, dropped := capabilities(rest)
	if dropped {
		in.report(Repair{What: "capability that is no atom left out", Lost: true}, line)
	}
	in.out = append(append(append(in.out, "* CAPABILITY"...), words...), "\r\n"...)
	return nil
}

func (in *filter) flagsResponse(rest, line []byte) error {
	s := scanner{b: rest, depth: in.o.MaxDepth}
	s.blanks()
	v, k := s.value()
	if s.blanks(); s.more() {
		v, k = rest, malformed
	}
	out, why, at := appendFlags(append(in.out, "* FLAGS "...), v, k, true, in.o.MaxDepth)
	if why != "" {
		in.report(Repair{What: why, Lost: why != flagsRewritten}, at)
	}
	if out != nil {
		in.out = append(out, "\r\n"...)
	}
	return nil
}
