package pop3

import (
	"bytes"
	"strings"

	"mailsync/state"
)

// receivedDate returns the date of the first Received field in head, the beginning of a
// message: when the last server on its way took it (RFC 5321 section 4.4), in seconds
// since 1970. state.NoDate where there is no such field, or it makes no sense.
func receivedDate(head []byte) int64 {
	var field []byte // unfolded
	found := false
	for len(head) > 0 {
		line, rest, _ := bytes.Cut(head, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
		head = rest
		switch folded := len(line) > 0 && (line[0] == ' ' || line[0] == '\t'); {
		case found && folded:
			field = append(append(field, ' '), line...)
		case found || len(line) == 0:
			return dateOf(field)
		default:
			name, value, ok := bytes.Cut(line, []byte{':'})
			if found = ok && strings.EqualFold(string(bytes.TrimRight(name, " \t")), "received"); found {
				field = bytes.Clone(value)
			}
		}
	}
	return dateOf(field)
}

// dateOf reads what follows the last semicolon of a Received field.
func dateOf(field []byte) int64 {
	i := bytes.LastIndexByte(field, ';')
	if i < 0 {
		return state.NoDate
	}
	return state.ParseDate(string(field[i+1:]))
}
