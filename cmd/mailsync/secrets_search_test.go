//go:build unix

package main_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// forms are the ways in which a password of a user can be written, and the halves of each:
// who has one half has as good as the other.
func forms(user, word string) []string {
	quoted, _ := json.Marshal(word)
	whole := []string{
		word, strings.Trim(strconv.Quote(word), `"`), strings.Trim(strconv.QuoteToASCII(word), `"`),
		strings.Trim(string(quoted), `"`), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(word),
		url.QueryEscape(word), url.PathEscape(word), hex.EncodeToString([]byte(word)),
	}
	for _, sasl := range []string{
		word, "\x00" + user + "\x00" + word, user + "\x00" + user + "\x00" + word,
		"user=" + user + "\x01auth=Bearer " + word + "\x01\x01",
	} {
		for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
			whole = append(whole, encoding.EncodeToString([]byte(sasl)))
		}
	}
	for before := range 3 { // wherever it stands in something that is sent as base64
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + word))
		whole = append(whole, text[(before*8+5)/6:len(word)*8/6])
	}
	all := whole
	for _, f := range whole {
		all = append(all, f[:len(f)/2], f[len(f)/2:])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// hush looks for secrets.
type hush struct {
	t     *testing.T
	forms []string
}

func newHush(t *testing.T, user string, words ...string) *hush {
	h := &hush{t: t}
	for _, w := range words {
		h.forms = append(h.forms, forms(user, w)...)
	}
	return h
}

// text fails the test where a secret stands in a text.
func (h *hush) text(where, text string) {
	h.t.Helper()
	for _, f := range h.forms {
		if at := strings.Index(text, f); at >= 0 {
			h.t.Errorf("%s has the secret as %q: …%q…", where, f, text[max(0, at-120):min(len(text), at+len(f)+40)])
			return
		}
	}
}

// below looks into every file below a folder, and at its name, but for those that the user
// put the secret into.
func (h *hush) below(dir string, but ...string) {
	h.t.Helper()
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || slices.Contains(but, p) {
			return err
		}
		h.text("the name of a file", p)
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(p)
		h.text(p, string(b))
		return err
	})
	if err != nil {
		h.t.Error(err)
	}
}
