package wire

import "mailsync/state"

// Value is one value of a response: an atom or a string, or a list of values.
type Value struct {
	Text   string  // an atom as it is written, a string without its quotes, a literal's contents
	List   []Value // of a list; never nil for one, so that () is told from an atom
	Quoted bool    // it was a string, so "NIL" is no NIL
}

// IsNil reports whether the value is NIL.
func (v Value) IsNil() bool {
	return v.List == nil && !v.Quoted && is([]byte(v.Text), "NIL")
}

const deepest = 64 // lists that Values follows into one another

// Values parses an answer that Command collected. BODY[HEADER.FIELDS (A B)] is one atom.
// What cannot be parsed is an error.
func (l Line) Values() ([]Value, error) {
	p := parser{scanner: scanner{b: []byte(l.Text), depth: deepest}, literals: l.Literals}
	list, ok := p.list(deepest)
	if !ok || p.more() {
		return nil, state.Faultf(state.Other, "server sent an answer that cannot be read: %s", Quote(l.Text))
	}
	return list, nil
}

// parser makes values; literals lie apart, in the order of their headers.
type parser struct {
	scanner
	literals [][]byte
}

// list parses values up to a closing parenthesis or the end.
func (p *parser) list(depth int) ([]Value, bool) {
	list := []Value{}
	for p.blanks(); p.more() && p.peek() != ')'; p.blanks() {
		v, ok := p.one(depth)
		if !ok {
			return nil, false
		}
		list = append(list, v)
	}
	return list, true
}

func (p *parser) one(depth int) (Value, bool) {
	start := p.i
	switch p.peek() {
	case '(':
		if depth == 0 {
			return Value{}, false
		}
		p.i++
		list, ok := p.list(depth - 1)
		return Value{List: list}, ok && p.take(')')
	case '"':
		if !p.quoted() {
			return Value{}, false
		}
		return Value{Text: string(text(p.b[start:p.i], quoted)), Quoted: true}, true
	}
	word := p.name()
	if _, size, _, ok, _ := announced(word); ok && (word[0] == '{' || word[0] == '~') {
		if len(p.literals) == 0 || int64(len(p.literals[0])) != size {
			return Value{}, false
		}
		v := Value{Text: string(p.literals[0]), Quoted: true}
		p.literals = p.literals[1:]
		return v, true
	}
	return Value{Text: string(word)}, len(word) > 0
}
