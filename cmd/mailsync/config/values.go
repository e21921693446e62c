package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

var timeUnits = map[string]time.Duration{
	"s": time.Second, "m": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

// ParseDuration reads a duration as the configuration and the command line write it: a
// whole number and one of s, m, h, d, w, y, where a day has 24 hours and a year 365 days.
func ParseDuration(text string) (time.Duration, error) {
	digits := strings.TrimRight(text, "smhdwy")
	unit, known := timeUnits[text[len(digits):]]
	n, err := strconv.ParseUint(digits, 10, 63)
	if text != "" && digits == text && err == nil {
		return 0, fmt.Errorf(`%q is not a duration without a unit; write %ss, %sm, %sh, %sd, %sw or %sy`, text, text, text, text, text, text, text)
	}
	if !known || err != nil {
		return 0, fmt.Errorf(`%q is not a duration; write one like "90s", "10m", "6h", "14d", "8w" or "1y"`, text)
	}
	if n > uint64(math.MaxInt64/unit) {
		return 0, fmt.Errorf("%q is longer than any duration can be", text)
	}
	return time.Duration(n) * unit, nil
}

var sizeUnits = map[string]float64{"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}

// ParseSize reads a size in bytes: a number and one of K, M, G, T (powers of 1024), or
// none of them.
func ParseSize(text string) (int64, error) {
	digits := strings.TrimRight(text, "KMGT")
	unit, known := sizeUnits[text[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	if !known || err != nil || strings.Trim(digits, "0123456789.") != "" {
		return 0, fmt.Errorf(`%q is not a size; write one like "300K", "20M" or "1.5G"`, text)
	}
	if n*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is larger than any size can be", text)
	}
	return int64(n * unit), nil
}

// parsePercent reads "80%" as 80.
func parsePercent(text string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	if err != nil || !strings.HasSuffix(text, "%") || n < 1 || n > 99 {
		return 0, fmt.Errorf(`%q is not a share of the quota; write one from "1%%" to "99%%"`, text)
	}
	return n, nil
}

// placeholder is the first word in braces of a path: what is replaced, or looks as if it should be. "" for none.
func placeholder(path string) string {
	for at := strings.IndexByte(path, '{'); at >= 0; {
		path = path[at:]
		end := 1 + len(path[1:]) - len(strings.TrimLeft(path[1:], letters))
		if end < len(path) && path[end] == '}' {
			return path[:end+1]
		}
		path = path[end:]
		at = strings.IndexByte(path, '{')
	}
	return ""
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"

// Expand replaces a leading ~, $VAR and ${VAR} in a path of the configuration or of the command
// line: many shells leave a ~ alone after "=" or in quotes, and none expands one in a variable's
// value. A variable that is not set, or empty, is an error: the path would be another.
func Expand(path string, env func(string) string) (string, error) {
	var bad error
	given := path
	path = os.Expand(path, func(name string) string {
		value := env(name)
		if value == "" && bad == nil {
			bad = fmt.Errorf("$%s is not set", name)
		}
		return value
	})
	if bad != nil {
		return "", bad
	}
	if strings.HasPrefix(path, "~") { // also from a variable: no shell expanded it there
		rest := path[1:]
		if rest != "" && !os.IsPathSeparator(rest[0]) {
			return "", fmt.Errorf(`%q is another user's home; write "~/…" or the full path`, given)
		}
		home := env("HOME")
		if home == "" {
			return "", errors.New("~ is $HOME, and that is not set")
		}
		if !filepath.IsAbs(home) {
			return "", fmt.Errorf("~ is $HOME, which is %q and not an absolute path", home)
		}
		path = home + rest
	}
	if path == "" {
		return "", errors.New("the path is empty")
	}
	if strings.ContainsRune(path, 0) {
		return "", errors.New("a path cannot hold a zero byte")
	}
	return path, nil
}

// intoFields are what is replaced in archive.into for each message.
var intoFields = []string{"{year}", "{month}", "{mailbox}"}

// fill replaces {account} in a path by the account's name.
func fill(path, account string) (string, error) {
	path = strings.ReplaceAll(path, "{account}", account)
	if strange := placeholder(path); strange != "" && !slices.Contains(intoFields, strange) {
		return "", fmt.Errorf(`%s is not replaced; "{account}" is, by the account's name`, strange)
	}
	return path, nil
}

// expand makes a path of the configuration absolute, with everything replaced in it.
func expand(path, account string, env func(string) string) (string, error) {
	given := path
	path, err := Expand(path, env)
	if err == nil {
		path, err = fill(path, account)
	}
	if err != nil {
		return "", err
	}
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf(`%q depends on the directory mailsync is started in; begin with "/" or "~/"`, given)
	}
	return filepath.Clean(path), nil
}
