package wire

const (
	flagsRewritten = "flag list put into form"
	flagDropped    = "keyword that is no atom left out"
	flagsUnread    = "flag list that cannot be read left out"
)

// appendFlags appends a flag list that imapclient reads. why says what had to be done,
// "" for nothing; at is the piece it was done to. A list of which no sense can be made gives nil.
// star allows \*, which PERMANENTFLAGS has.
func appendFlags(dst, v []byte, k kind, star bool, depth int) (out []byte, why string, at []byte) {
	if k == atom && is(v, "NIL") {
		return append(dst, "()"...), flagsRewritten, v
	}
	if k != list {
		return nil, flagsUnread, v
	}
	start := len(dst)
	dst = append(dst, '(')
	s := scanner{b: v[1 : len(v)-1], depth: depth}
	for s.blanks(); s.more(); s.blanks() {
		one, kind := s.value()
		if kind == malformed {
			return nil, flagsUnread, v
		}
		one = text(one, kind)
		if kind == list || !isFlag(one, star) {
			why, at = flagDropped, one
			continue
		}
		if kind != atom && why == "" {
			why, at = flagsRewritten, one
		}
		if dst[len(dst)-1] != '(' {
			dst = append(dst, ' ')
		}
		dst = append(dst, one...)
	}
	dst = append(dst, ')')
	if why == "" && string(dst[start:]) != string(v) {
		why, at = flagsRewritten, v
	}
	return dst, why, at
}

// isFlag reports whether f is a flag (RFC 3501, 9): a keyword is an atom, and atoms
// have 7-bit octets only.
func isFlag(f []byte, star bool) bool {
	if len(f) > 1 && f[0] == '\\' {
		f = f[1:]
		if star && string(f) == "*" {
			return true
		}
	}
	return isWord(f)
}
