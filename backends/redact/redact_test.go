package redact

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

func TestHide(t *testing.T) {
	const long = `hunter22 "of" \Zürich+1/2`
	var s Secrets
	if got := s.Hide("nothing is kept"); got != "nothing is kept" {
		t.Errorf("%q", got)
	}
	s.Keep(long, "hush", "abc", "", long)
	b64 := func(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
	for text, want := range map[string]string{
		"":                                      "",
		"plain words":                           "plain words",
		"abc is too short":                      "abc is too short",
		long:                                    "***",
		long + long:                             "***",
		"a " + long + " b":                      "a *** b",
		"hush, " + long + "hush":                "***, ***",
		"hushush":                               "***",
		"cut: " + long[:12]:                     "cut: ***",
		"cut: " + long[5:]:                      "cut: ***",
		"too little: " + long[:7]:               "too little: " + long[:7],
		strconv.Quote(long):                     `"***"`,
		url.QueryEscape(long) + "&x":            "***&x",
		`{"p":"` + "hunter22" + `"}`:            `{"p":"***"}`,
		b64(long)[:20]:                          "***",
		strings.TrimRight(b64("hush"), "=")[:5]: "***",
	} {
		if got := s.Hide(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
	for _, sent := range []string{"\x00ada\x00" + long, "ad\x00" + long, long + "\x01\x01", "a\x00hush"} {
		got := s.Hide(b64(sent))
		if !strings.Contains(got, "***") || len(got) > 16 {
			t.Errorf("of %q in base64 is shown %q", sent, got)
		}
	}
}

// Whatever is shown, no piece of a secret is in it.
func FuzzHide(f *testing.F) {
	f.Add("hunter22 of Zürich", "wrong: hunter22 of Zürich", uint8(3))
	f.Add("hunter22hunter2", "hunter22hunter22hunter2", uint8(0))
	f.Fuzz(func(t *testing.T, secret, text string, at uint8) {
		var s Secrets
		s.Keep(secret)
		cut := int(at) % (len(text) + 1)
		got := s.Hide(text[:cut] + secret + text[cut:])
		if strings.Contains(secret, "*") {
			return // the mask itself may show a piece of it
		}
		if len(secret) >= shortest && strings.Contains(got, secret) {
			t.Errorf("%q is in %q", secret, got)
		}
		for i := 0; i+piece <= len(secret); i++ {
			if p := secret[i : i+piece]; strings.Contains(got, p) {
				t.Errorf("a piece of %q is in %q", secret, got)
			}
		}
	})
}
