package config

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"

	"mailsync/cmd/mailsync/secret"
)

// wrongType is a value of another type than its key takes.
type wrongType struct{ want, have string }

func (e wrongType) Error() string { return fmt.Sprintf("wants %s, has %s", e.want, e.have) }

// as returns value as a T, or says what it is instead.
func as[T any](value any, want string) (T, error) {
	if v, ok := value.(T); ok {
		return v, nil
	}
	var zero T
	return zero, wrongType{want, typeName(value)}
}

func typeName(value any) string {
	switch value.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case time.Time:
		return "a date"
	case []any:
		return "a list"
	}
	return "a table"
}

// line reads a string of one line that is not empty.
func line(value any) (string, error) {
	s, err := as[string](value, "a string")
	switch {
	case err != nil:
		return "", err
	case strings.TrimSpace(s) == "":
		return "", errors.New("is empty")
	case strings.ContainsFunc(s, unicode.IsControl):
		return "", errors.New("holds a control character")
	}
	return s, nil
}

func lines(value any) ([]string, error) {
	list, err := as[[]any](value, "a list of strings")
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, v := range list {
		s, ok := v.(string)
		if !ok {
			return nil, wrongType{"a list of strings", typeName(v) + " in it"}
		}
		out[i] = s
	}
	return out, nil
}

// from reads a value with read, which says what is wrong with it, and gives what it is to take.
func from[T any](read func(any) (T, error), take func(*reading, T) error) reader {
	return func(r *reading, value any) error {
		v, err := read(value)
		if err != nil {
			return err
		}
		return take(r, v)
	}
}

// of is from for a value of TOML's type T, which want names.
func of[T any](want string, take func(*reading, T) error) reader {
	return from(func(value any) (T, error) { return as[T](value, want) }, take)
}

func text(at func(*Account) *string) reader {
	return func(r *reading, value any) error {
		s, err := line(value)
		*at(r.account) = s
		return err
	}
}

func word(at func(*Account) *string, words ...string) reader {
	return of("a string", func(r *reading, s string) error {
		if !slices.Contains(words, s) {
			if near := nearest(s, words); near != "" {
				return fmt.Errorf("%q is no value for it; did you mean %q?", s, near)
			}
			return fmt.Errorf("%q is no value for it; it takes %s", s, oneOf(words))
		}
		*at(r.account) = s
		return nil
	})
}

// oneOf lists words as `"a", "b" or "c"`.
func oneOf(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

func number(low, high int64, at func(*Account) *int) reader {
	return of("a whole number", func(r *reading, n int64) error {
		if n < low || n > high {
			return fmt.Errorf("%d is out of range; it takes %d to %d", n, low, high)
		}
		*at(r.account) = int(n)
		return nil
	})
}

func yes(at func(*Account) *bool) reader {
	return func(r *reading, value any) error {
		v, err := as[bool](value, "true or false")
		*at(r.account) = v
		return err
	}
}

func duration(low time.Duration, at func(*Account) *time.Duration) reader {
	return of("a duration in quotes", func(r *reading, s string) error {
		d, err := ParseDuration(s)
		if err == nil && d < low {
			err = fmt.Errorf("%q is too short; it takes %v or longer", s, low)
		}
		*at(r.account) = d
		return err
	})
}

func size(at func(*Account) *int64) reader {
	return of("a size in quotes", func(r *reading, s string) error {
		n, err := ParseSize(s)
		*at(r.account) = n
		return err
	})
}

func path(at func(*Account) *string) reader {
	return func(r *reading, value any) error {
		s, err := r.path(value)
		if field := placeholder.FindString(s); err == nil && field != "" {
			err = fmt.Errorf("%s stands for something in archive.into only", field)
		}
		*at(r.account) = s
		return err
	}
}

func patterns(at func(*Account) *[]Pattern) reader {
	return from(lines, func(r *reading, list []string) error {
		out := make([]Pattern, len(list))
		bad := make([]error, len(list))
		for i, s := range list {
			out[i], bad[i] = ParsePattern(s)
		}
		*at(r.account) = out
		return errors.Join(bad...)
	})
}

// host takes a name or an address, without port, brackets or URL around it.
var host = from(line, func(r *reading, s string) error {
	if net.ParseIP(s) == nil && strings.ContainsAny(s, ":/@[] ") {
		return fmt.Errorf("%q is no host name; the port, the user and the protocol have keys of their own", s)
	}
	r.account.Host = s
	return nil
})

// pins takes SHA-256 digests of public keys, as RFC 7469 section 2.4 writes them.
var pins = from(lines, func(r *reading, list []string) (err error) {
	r.account.TLSPins, err = readPins(list)
	return err
})

func readPins(list []string) ([]string, error) {
	for _, s := range list {
		digest, ok := strings.CutPrefix(s, "sha256/")
		pin, err := base64.StdEncoding.DecodeString(digest)
		if !ok || err != nil || len(pin) != sha256.Size {
			return nil, fmt.Errorf(`%q is no pin; one is "sha256/" and the base64 of 32 bytes`, s)
		}
	}
	return list, nil
}

var passwordCommand = from(lines, func(r *reading, argv []string) (err error) {
	if len(argv) == 0 || argv[0] == "" {
		return errors.New("names no program")
	}
	if strings.HasPrefix(argv[0], "~") || strings.HasPrefix(argv[0], "$") {
		if argv[0], err = r.path(argv[0]); err != nil {
			return err
		}
	}
	r.account.Password.Command = argv
	return nil
})

// password is refused where others can read it, whatever it is.
var password = of("a string", func(r *reading, s string) error {
	if s == "" {
		return errors.New("is empty")
	}
	if r.mode&0o077 != 0 {
		return fmt.Errorf("group or others can read this file (mode %04o); chmod 600 %s", r.mode.Perm(), r.file)
	}
	r.account.Password.Literal = secret.New(s)
	return nil
})

// keyring asks for the entry that the whole account names, once its keys are read.
func keyring(r *reading, value any) error {
	wanted, err := as[bool](value, "true or false")
	r.keyring = wanted
	return err
}

var popDelete = of("a string", func(r *reading, s string) error {
	if s == "never" || s == "fetched" {
		r.account.Delete = s
		return nil
	}
	age, err := ParseDuration(s)
	if err != nil {
		return fmt.Errorf(`%q is no value for it; it takes "never", "fetched" or an age like "14d"`, s)
	}
	r.account.Delete, r.account.DeleteAge = "age", age
	return nil
})

var untilQuota = of("a string", func(r *reading, s string) (err error) {
	r.account.archive().UntilQuota, err = parsePercent(s)
	return err
})

var archiveKeep = from(lines, func(r *reading, list []string) error {
	for _, s := range list {
		if s != "flagged" && s != "unread" {
			return fmt.Errorf(`%q is nothing it can keep; it takes "flagged" and "unread"`, s)
		}
	}
	r.account.archive().KeepFlagged = slices.Contains(list, "flagged")
	r.account.archive().KeepUnread = slices.Contains(list, "unread")
	return nil
})
