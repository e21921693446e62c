package config

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Whatever a file says, it is a configuration that can be worked with, or everything that
// is wrong with it is told where it stands. A comment above it changes neither.
func FuzzParse(f *testing.F) {
	for _, s := range []string{good, "[defaults]\narchive.keep = 1\n[[accounts]]\n", "", "[accounts.a]\nhots = 1\n", "x = \n", "[accounts.\"\\n\"]\nuser = \"\\u0000\"\n",
		good + "[accounts.work.archive]\nolder_than = \"1y\"\ninto = \"~/Mail/work/{year}\"\nkeep = [\"flagged\"]\n",
		good + "[accounts.isp]\nprotocol = \"pop3\"\nhost = \"h\"\nuser = \"u\"\npassword = \"x\"\nmaildir = \"$MAIL/{account}\"\ndelete = \"14d\"\nmax_size = \"1.5G\"\n",
		good + "tls = \"none\"\ninsecure = true\nport = 65536\nexclude = [\"role:junk\", \"A//B\"]\ntls_pins = [\"sha256/\"]\nmaildir = 1\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("c.toml", text, 0o600, env)
		if (c == nil) == (err == nil) {
			t.Fatal("neither a configuration nor an error, or both")
		}
		lines := strings.Count(text, "\n") + 1
		problems, told := err.(Problems)
		if err != nil && (!told || len(problems) == 0) {
			t.Fatalf("%T: %v", err, err)
		}
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines || p.What == "" || !utf8.ValidString(p.Error()) {
				t.Fatalf("of %d lines: %+v", lines, p)
			}
		}
		if err == nil {
			checkConfig(t, c)
		}
		if strings.HasPrefix(text, "\ufeff") || strings.Contains(text, "\x00") || !utf8.ValidString(text) { // what a first line can tell of the whole file
			return
		}
		again, err := Parse("c.toml", "# a comment\n"+text, 0o600, env)
		below, _ := err.(Problems)
		for i := range below {
			if below[i].Line > 0 {
				below[i].Line--
			}
		}
		if !reflect.DeepEqual(again, c) || !slices.Equal(below, problems) {
			t.Fatalf("with a comment above it, %+v %+v became %+v %+v", c, problems, again, below)
		}
	})
}

// checkConfig holds for every configuration that is accepted.
func checkConfig(t *testing.T, c *Config) {
	t.Helper()
	if len(c.Accounts) == 0 || CheckRoots(c.Accounts) != nil {
		t.Fatalf("accepted: %+v", c)
	}
	names := map[string]bool{}
	for _, a := range c.Accounts {
		archive := a.Archive
		if archive == nil {
			archive = &Archive{}
		}
		switch {
		case a.Name == "" || names[a.Name] || a.Host == "" || a.User == "" || a.Port < 1 || a.Port > 65535 || a.Connections < 1,
			a.Timeout <= 0 || a.MaxWait < 0 || a.ComplainAfter < 0 || a.TrashKeep < 0 || a.MaxDelete < 0 || a.MaxSize < 0 || a.DeleteAge < 0 || a.DeleteBiggerThan < 0,
			!filepath.IsAbs(a.Maildir) || filepath.Clean(a.Maildir) != a.Maildir || a.StateDir != "" && !filepath.IsAbs(a.StateDir),
			a.TLS == "none" && !a.Insecure && a.Host != "localhost" && !strings.HasPrefix(a.Host, "127.") && !strings.Contains(a.Host, ":"),
			archive.Into != "" && !filepath.IsAbs(archive.Into):
			t.Fatalf("accepted: %+v", a)
		}
		names[a.Name] = true
	}
}

// A pattern picks what a regular expression made of it picks.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"*", "INBOX"}, {"%", "a\x1fb"}, {"inbox/*", "INBOX\x1fx"}, {"A*b%c", "Axb\x1fc"}, {"Lists/%", "Lists\x1fa/b"}, {"**%%*", ""}, {"role:junk", "x"}, {"a/b", "a/b"}, {"\xff", "\xfe"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, text, name string) {
		p, err := ParsePattern(text)
		if err != nil || p.role != "" || strings.Contains(text+name, "\x1e") || !utf8.ValidString(text) || !utf8.ValidString(name) {
			return
		}
		levels := strings.Split(name, "\x1f")
		level := func(l string, first bool) string {
			if first && strings.EqualFold(l, "INBOX") {
				l = "INBOX"
			}
			return l
		}
		var re, plain strings.Builder
		for i, l := range strings.Split(text, "/") {
			if i > 0 {
				re.WriteString("\x1e")
			}
			for _, r := range level(l, i == 0) {
				switch r {
				case '*':
					re.WriteString("(?s:.*)")
				case '%':
					re.WriteString("[^\x1e]*")
				default:
					re.WriteString(regexp.QuoteMeta(string(r)))
				}
			}
		}
		for i, l := range levels {
			if i > 0 {
				plain.WriteString("\x1e")
			}
			plain.WriteString(level(l, i == 0))
		}
		if want := regexp.MustCompile("^" + re.String() + "$").MatchString(plain.String()); p.Match(levels, "") != want {
			t.Fatalf("%q matches %q: %v", text, levels, !want)
		}
	})
}

// A duration or a size is what its number and its unit say, or refused; never negative.
func TestValuesAreWhatTheySay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[-+]?[0-9.]{0,20}[smhdwyKMGTe%]{0,2}`).Draw(t, "text")
		if d, err := ParseDuration(text); err == nil {
			unit := timeUnits[text[len(text)-1:]]
			if d < 0 || d%unit != 0 || strings.TrimLeft(text[:len(text)-1], "0123456789") != "" {
				t.Errorf("%q is %v", text, d)
			}
			if std, err := time.ParseDuration(text); err == nil && std != d {
				t.Errorf("%q is %v, and not %v", text, d, std)
			}
		}
		if n, err := ParseSize(text); err == nil && (n < 0 || strings.Trim(text, "0123456789.KMGT") != "") {
			t.Errorf("%q is %d", text, n)
		}
		if n, err := parsePercent(text); err == nil && (n < 1 || n > 99) {
			t.Errorf("%q is %d", text, n)
		}
	})
}
