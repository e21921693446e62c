package auth

import (
	"slices"
	"strings"
	"testing"
)

func names(ways []Way) string {
	var all []string
	for _, w := range ways {
		all = append(all, w.Name)
	}
	return strings.Join(all, " ")
}

func offering(list string) func(string) bool {
	return func(name string) bool { return slices.Contains(strings.Fields(list), name) }
}

func TestOrder(t *testing.T) {
	const all = "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS DIGEST-MD5 NTLM"
	command := []Way{{Name: "COMMAND", Shown: true}}
	bound := Binding{"tls-exporter", []byte("x")}
	for _, c := range []struct {
		name string
		o    Offer
		want string
	}{
		{"all, with TLS", Offer{Has: offering(all), Safe: true, Binding: bound, Show: command},
			"SCRAM-SHA-256-PLUS SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 PLAIN COMMAND AUTH LOGIN CRAM-MD5"},
		{"TLS that cannot be bound to", Offer{Has: offering(all), Safe: true}, "SCRAM-SHA-256 SCRAM-SHA-1 PLAIN AUTH LOGIN CRAM-MD5"},
		{"all, in plain text", Offer{Has: offering(all), Proof: "APOP", Show: command}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 APOP PLAIN COMMAND AUTH LOGIN"},
		{"an old server", Offer{Has: offering("CRAM-MD5"), Safe: true}, "CRAM-MD5"},
		{"none", Offer{Has: offering("GSSAPI")}, ""},
		{"commands only", Offer{Has: offering(""), Show: command}, "COMMAND"},
	} {
		if got := names(Ways(Credentials{}, c.o)); got != c.want {
			t.Errorf("%s:\n%s, want\n%s", c.name, got, c.want)
		}
	}
}

// Which ways are tried, by what each refusal tells.
func TestWalk(t *testing.T) {
	const n, d, x = NotTaken, Doubted, Condemned
	ways := map[string]Way{"plain": {Name: "PLAIN", Shown: true}, "command": {Name: "COMMAND", Shown: true}, "cram": {Name: "CRAM-MD5"}}
	for _, name := range scrams {
		short := strings.ToLower(strings.TrimPrefix(name, "SCRAM-SHA-"))
		ways[short] = Way{Name: name}
	}
	for _, c := range []struct {
		name, ways, worked string
		outcomes           []Outcome
		want               string
	}{
		{"a wrong password is sent once", "plain command", "", []Outcome{d}, "PLAIN"},
		{"what is not taken is followed by the next", "plain command", "", []Outcome{n, d}, "PLAIN COMMAND"},
		{"a refused proof is followed by the password, once", "256 1 plain command", "", []Outcome{d, d}, "SCRAM-SHA-256 PLAIN"},
		{"which may be not taken", "256 plain command", "", []Outcome{d, n, d}, "SCRAM-SHA-256 PLAIN COMMAND"},
		{"a proof that worked before is a wrong password now", "256 1 plain", "SCRAM-SHA-256", []Outcome{d}, "SCRAM-SHA-256"},
		{"no verifier, so none of the other hash", "256 1 plain", "", []Outcome{n, d}, "SCRAM-SHA-256 PLAIN"},
		{"no verifier, and no password is taken", "256 1 cram", "", []Outcome{n, n, d}, "SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5"},
		{"a binding that the server does not know", "256-plus 256 1-plus 1 plain", "", []Outcome{n, d, d}, "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN"},
		{"a bound proof that is refused: somebody may be in between", "256-plus 256 1-plus 1 plain", "", []Outcome{d, d}, "SCRAM-SHA-256-PLUS SCRAM-SHA-256"},
		{"a bound proof, and nothing like it", "256-plus 1 plain", "", []Outcome{d}, "SCRAM-SHA-256-PLUS"},
		{"forged", "256 plain", "", []Outcome{x}, "SCRAM-SHA-256"},
		{"no password to send", "256 cram", "", []Outcome{d}, "SCRAM-SHA-256"},
		{"what worked is first", "256 1 plain", "PLAIN", []Outcome{d}, "PLAIN"},
		{"what worked and is no way any more", "256 plain", "CRAM-MD5", []Outcome{d, d}, "SCRAM-SHA-256 PLAIN"},
		{"what worked and is not taken any more", "256 plain", "PLAIN", []Outcome{n, d}, "PLAIN SCRAM-SHA-256"},
	} {
		var list []Way
		for _, w := range strings.Fields(c.ways) {
			list = append(list, ways[w])
		}
		var tried []Way
		walk := NewWalk(list, c.worked)
		for {
			w, ok := walk.At()
			if !ok {
				break
			}
			if tried = append(tried, w); len(tried) > len(c.outcomes) {
				break
			}
			walk.Refused(c.outcomes[len(tried)-1])
		}
		if got := names(tried); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
