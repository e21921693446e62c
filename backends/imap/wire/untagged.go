package wire

import (
	"bytes"
	"strconv"
)

// untaggedResponse takes a response that begins with * (RFC 3501, 7).
func (c *Conn) untaggedResponse(first []byte) error {
	s := scanner{b: first, i: 1}
	s.blanks()
	from := s.i
	word := statusWord(&s)
	if len(word) == 0 {
		return c.garbled("something that is no response", first)
	}
	if typ := statusOf(word); typ != "" {
		if c.collecting() {
			if err := c.collect(first[from:]); err != nil {
				return err
			}
		}
		c.untaggedStatus(typ, first, first[s.i:])
		return nil
	}
	if c.collecting() {
		return c.collectWhole(from)
	}
	if word[0] >= '0' && word[0] <= '9' {
		s.blanks()
		if is(s.word(), "FETCH") {
			if s.blanks(); s.take('(') && isNumber32(word) {
				return c.beginFetch(word, s.i)
			}
		}
	}
	line, err := c.whole()
	if err != nil {
		return err
	}
	at := len(c.rd.out)
	if err := c.data(line[from:]); err != nil {
		return err
	}
	if out := c.rd.out[at:]; len(out) > 0 && len(out) <= len(line) && !bytes.EqualFold(chomp(out), line) && onlyBlanks(out, line) {
		c.report(Repair{What: "blanks put right"}, line)
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
func (c *Conn) data(line []byte) error {
	line = bytes.TrimRight(line, " \t")
	s := scanner{b: line, depth: c.o.MaxDepth}
	word := s.word()
	if word[0] >= '0' && word[0] <= '9' {
		return c.numbered(word, line)
	}
	rest := line[s.i:]
	switch string(bytes.ToUpper(word)) {
	case "CAPABILITY":
		return c.capabilityResponse(rest, line)
	case "FLAGS":
		return c.flagsResponse(rest, line)
	}
	if !isWord(word) {
		return c.garbled("something that is no response", line)
	}
	c.report(Repair{What: "unknown response dropped", Lost: true}, line)
	return nil
}

// numbered takes EXISTS, RECENT and EXPUNGE (RFC 3501, 7.3 and 7.4.1). On them rests
// what is there and what is not, so one that cannot be read ends the connection.
func (c *Conn) numbered(num, line []byte) error {
	s := scanner{b: line, i: len(num)}
	s.blanks()
	what := bytes.ToUpper(s.word())
	s.blanks()
	n, ok := number32(num)
	switch string(what) {
	case "EXISTS", "RECENT", "EXPUNGE":
	case "FETCH":
		c.report(Repair{What: "FETCH response that cannot be read dropped", Lost: true}, line)
		return nil
	default:
		if !isWord(what) {
			return c.garbled("something that is no response", line)
		}
		c.report(Repair{What: "unknown response dropped", Lost: true}, line)
		return nil
	}
	if !ok || s.more() || n == 0 && string(what) == "EXPUNGE" {
		return c.garbled("an impossible number", line)
	}
	if string(what) == "EXISTS" {
		c.mu.Lock()
		c.exists = max(c.exists, int64(n))
		c.mu.Unlock()
	}
	out := append(append(c.rd.out, "* "...), strconv.FormatUint(uint64(n), 10)...)
	c.rd.out = append(append(append(out, ' '), what...), "\r\n"...)
	return nil
}

func (c *Conn) capabilityResponse(rest, line []byte) error {
	words, dropped := capabilities(rest)
	if dropped {
		c.report(Repair{What: "capability that is no atom left out", Lost: true}, line)
	}
	c.rd.out = append(append(append(c.rd.out, "* CAPABILITY"...), words...), "\r\n"...)
	return nil
}

func (c *Conn) flagsResponse(rest, line []byte) error {
	s := scanner{b: rest, depth: c.o.MaxDepth}
	s.blanks()
	v, k := s.value()
	if s.blanks(); s.more() {
		v, k = rest, malformed
	}
	out, why, at := appendFlags(append(c.rd.out, "* FLAGS "...), v, k, true, c.o.MaxDepth)
	if why != "" {
		c.report(Repair{What: why, Lost: why != flagsRewritten}, at)
	}
	if out != nil {
		c.rd.out = append(out, "\r\n"...)
	}
	return nil
}
