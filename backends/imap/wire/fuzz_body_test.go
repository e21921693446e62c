package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	script "mailsync/internal/testkit/imapscript"
)

// spelledBody is the FETCH of a message with its body, in one of the ways that servers
// have: of two, where they tell of the flags apart.
func spelledBody(d *script.Dice, seq int, uid imap.UID, body string) string {
	lit := fmt.Sprintf("{%d}\r\n%s", len(body), body)
	if !strings.ContainsAny(body, "\r\n\"\\\x00") && isASCII(body) && d.Of(2) == 1 {
		lit = `"` + body + `"`
	}
	items := []string{fmt.Sprintf("%s %d", d.Case("UID"), uid), d.Case("BODY[]") + " " + lit}
	for range d.Of(4) {
		items = append(items, d.Pick(`FLAGS (\Seen)`, "FLAGS NIL", `INTERNALDATE " 2-Jan-2024 03:04:05 +0000"`, "INTERNALDATE NIL", "RFC822.SIZE 9",
			"MODSEQ (12)", "X-WORD atom", `X-TEXT "a) BODY[] {3}"`, "X-LIT {8}\r\na) UID 9", "X-NONE NIL", "X-MORE (UID 9 (x))"))
	}
	d.Shuffle(items)
	apart := ""
	if d.Of(5) == 4 {
		apart = fmt.Sprintf("* %d FETCH (FLAGS (\\Seen))\r\n", seq)
	}
	return fmt.Sprintf("%s* %d %s (%s%s)%s\r\n", apart, seq, d.Case("FETCH"), strings.Join(items, d.Pick(" ", "  ")), d.Pick("", " "), d.Pick("", " "))
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r > '~' }) < 0 }

// Whatever way of many a server has to spell its messages: each body comes to the client
// whole, under its own UID. Where the connection ends too early, what came is right, and
// the end is an error.
func FuzzFetchedBodies(f *testing.F) {
	f.Add([]byte{3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}, "a\r\n)\r\nb", uint16(0))
	f.Add([]byte("3aaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbccccccccccccccccccccc"), "* 2 FETCH (UID 9 BODY[] {3}\r\n", uint16(70))
	f.Add([]byte("\x05zyxwvutsrqponmlkjihgfedcba0123456789zyxwvutsrqponmlkjihgfedcba0123456789"), "T1 OK done\r\n", uint16(1))
	f.Fuzz(func(t *testing.T, choices []byte, text string, cut uint16) {
		d := script.Dice(choices)
		want := map[imap.UID]string{}
		var answer strings.Builder
		for i := range d.Of(5) {
			uid := imap.UID(1 + 10*i + d.Of(10))
			body := d.Pick("", "hi", "a\r\n", "line\r\nline", ")\r\n", text)
			want[uid] = body
			answer.WriteString(spelledBody(&d, i+1, uid, body))
			answer.WriteString(d.Pick("", "", "* OK [ALERT] (UID 7\r\n", "* 9 EXISTS\r\n"))
		}
		answer.WriteString("T1 OK done\r\n")
		all := answer.String()
		whole := cut == 0 || int(cut) >= len(all)
		if !whole {
			all = all[:cut]
		}
		r := &rig{t: t, conn: New(script.Answering("* OK [CAPABILITY IMAP4rev1] hi", all), Options{})}
		r.client = imapclient.New(r.conn, nil)
		if err := r.client.WaitGreeting(); err != nil {
			t.Fatal(err)
		}
		defer hung(all)()
		got, err := r.fetch(imap.UIDSet{{Start: 1, Stop: 100}}, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}})
		<-r.client.Closed()
		_ = r.client.Close()

		if (err == nil) != whole || whole && len(got) != len(want) {
			t.Fatalf("%q: %v, %d messages of %d", all, err, len(got), len(want))
		}
		for _, m := range got {
			body, there := want[m.uid]
			if !there || m.nilB || m.body != body {
				t.Fatalf("%q: UID %d is %q", all, m.uid, m.body)
			}
			delete(want, m.uid)
		}
	})
}
