package secret

import (
	"errors"
	"fmt"
	"strings"
)

// Words splits a command line into words as a POSIX shell does: at blanks, with '…', "…" and \
// for quotes. What only a shell could do (pipes, variables, wildcards) is an error unless it is
// quoted, because no shell runs.
func Words(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	begun := false // a word, which may be empty as in ''
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case strings.IndexByte(" \t\n", c) >= 0:
			if begun {
				words = append(words, word.String())
				word.Reset()
			}
			begun = false
			continue
		case c == '\'' || c == '"':
			n, err := quotedPart(line[i:], &word)
			if err != nil {
				return nil, err
			}
			i += n - 1
		case c == '\\':
			if i++; i == len(line) {
				return nil, errors.New(`it ends with a \ that quotes nothing`)
			}
			word.WriteByte(line[i])
		case strings.IndexByte("|&;<>()$`*?[#~", c) >= 0 && (!begun || strings.IndexByte("#~", c) < 0):
			return nil, fmt.Errorf("%q is special in a shell, and no shell is used; quote it to pass it on", c)
		default:
			word.WriteByte(c)
		}
		begun = true
	}
	if begun {
		words = append(words, word.String())
	}
	if len(words) == 0 || words[0] == "" {
		return nil, errors.New("it names no program")
	}
	return words, nil
}

// quotedPart reads what is in quotes at the beginning of s and returns its length, both quotes
// included.
func quotedPart(s string, word *strings.Builder) (int, error) {
	quote := s[0]
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == quote:
			return i + 1, nil
		case quote == '"' && (s[i] == '$' || s[i] == '`'):
			return 0, fmt.Errorf("%q is special in a shell, and no shell is used; put it in '…' to pass it on", s[i])
		case quote == '"' && s[i] == '\\' && i+1 < len(s) && strings.IndexByte("\\\"$`", s[i+1]) >= 0:
			i++
		}
		word.WriteByte(s[i])
	}
	return 0, fmt.Errorf("the quote %c is not closed", quote)
}
