package wire

import "bytes"

// quotaResponse takes QUOTA (RFC 2087, 5.1). Courier leaves the list out where there is
// no quota.
func (c *Conn) quotaResponse(rest, line []byte) error {
	s := scanner{b: rest, depth: 2}
	s.blanks()
	root, k := s.value()
	if k == malformed || k == list || k == atom && !isWord(root) {
		c.report(Repair{What: "QUOTA that cannot be read dropped", Lost: true}, line)
		return nil
	}
	out := append(append(c.rd.out, "* QUOTA "...), root...)
	s.blanks()
	if !s.more() {
		c.report(Repair{What: "QUOTA without a list put into form"}, line)
		c.rd.out = append(out, " ()\r\n"...)
		return nil
	}
	v, k := s.value()
	fields := bytes.Fields(trimParens(v, k))
	ok := k == list && len(fields)%3 == 0
	for i := 0; ok && i < len(fields); i += 3 {
		ok = isWord(fields[i]) && isNumber(fields[i+1]) && isNumber(fields[i+2])
	}
	if s.blanks(); !ok || s.more() {
		c.report(Repair{What: "QUOTA that cannot be read dropped", Lost: true}, line)
		return nil
	}
	out = append(append(out, " ("...), bytes.Join(fields, []byte(" "))...)
	c.rd.out = append(out, ")\r\n"...)
	return nil
}

// quotaRootResponse takes QUOTAROOT (RFC 2087, 5.2).
func (c *Conn) quotaRootResponse(rest, line []byte) error {
	s := scanner{b: rest, depth: 1}
	s.blanks()
	out, name, ok := mailbox(append(c.rd.out, "* QUOTAROOT "...), &s)
	for s.blanks(); ok && s.more(); s.blanks() {
		root, k := s.value()
		ok = k == quoted || k == literal || k == atom && isWord(root)
		out = append(append(out, ' '), root...)
	}
	if !ok {
		c.report(Repair{What: "QUOTAROOT that cannot be read dropped", Lost: true, Mailbox: name}, line)
		return nil
	}
	c.rd.out = append(out, "\r\n"...)
	return nil
}
