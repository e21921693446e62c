package wire

import (
	"errors"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	script "mailsync/internal/testkit/imapscript"
)

// A FETCH response that goes on in the line behind a body, or does not end, breaks the connection,
// which says so; with SetLoose it is read.
func TestFetchThatGoesOnBehindABody(t *testing.T) {
	body := "From: a\r\n\r\nhello\r\n"
	for _, tt := range []struct {
		name, answer string
		set          imap.UIDSet
		want         fetched
	}{
		{"items in the next line", `S: * 1 FETCH (UID 7 BODY[] @{body}` + "\n" + `S:  FLAGS (\Seen))`, imap.UIDSetNum(7, 8), fetched{uid: 7, body: body, flags: `\Seen `}},
		{"items in the next line, without a blank", `S: * 1 FETCH (UID 7 BODY[] @{body}` + "\n" + `S: FLAGS (\Seen))`, imap.UIDSetNum(7, 8), fetched{uid: 7, body: body, flags: `\Seen `}},
		{"parenthesis in its own line", `S: * 1 FETCH (UID 7 BODY[] @{body}` + "\nS: )", imap.UIDSetNum(7, 8), fetched{uid: 7, body: body}},
		{"blank and parenthesis in their own line", `S: * 1 FETCH (UID 7 BODY[] @{body} ` + "\nS=  \" )\\r\\n\"", imap.UIDSetNum(7, 8), fetched{uid: 7, body: body}},
		{"items, then the parenthesis", `S: * 1 FETCH (UID 7 BODY[] @{body} FLAGS (\Seen)` + "\nS: )", imap.UIDSetNum(7, 8), fetched{uid: 7, body: body, flags: `\Seen `}},
		{"no parenthesis", `S: * 1 FETCH (UID 7 BODY[] @{body}`, imap.UIDSetNum(7, 8), fetched{uid: 7, body: body}},
		{"no parenthesis, another response", `S: * 1 FETCH (UID 7 BODY[] @{body}` + "\nS: * 2 EXISTS", imap.UIDSetNum(7, 8), fetched{uid: 7, body: body}},
		{"no parenthesis behind items", `S: * 1 FETCH (UID 7 BODY[] @{body} FLAGS (\Seen)`, imap.UIDSetNum(7, 8), fetched{uid: 7, body: body, flags: `\Seen `}},
		{"UID in the next line", `S: * 1 FETCH (BODY[] @{body}` + "\nS:  UID 7)", imap.UIDSetNum(7, 8), fetched{uid: 7, body: body}},
		{"no UID, one asked for", `S: * 1 FETCH (BODY[] @{body}` + "\nS: )", imap.UIDSetNum(7), fetched{uid: 7, body: body}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			talk := func(end string) string { return "C: UID FETCH *\n" + tt.answer + end }
			r := newRig(t, talk("\nS: $tag OK done\nX: any"), Options{}, script.Vars{"body": body})
			if got, err := r.fetch(tt.set, bodies); err == nil || !errors.Is(r.conn.LastError(), ErrTail) {
				t.Errorf("got %+v, %v (%v)", got, err, r.conn.LastError())
			}
			r = newRig(t, talk("\nS: $tag OK done\nC: NOOP\nS: $tag OK done"), Options{}, script.Vars{"body": body})
			r.conn.SetLoose(true)
			got, err := r.fetch(tt.set, bodies)
			if err != nil {
				t.Fatalf("fetch: %v (%v)", err, r.conn.LastError())
			}
			compare(t, got, []fetched{tt.want})
			r.alive()
			if told := r.told(); !strings.Contains(told, "without an end in its line") {
				t.Errorf("told %q", told)
			}
		})
	}
}

// What is no item of a FETCH is none in the next line either: it may be the message's.
func TestLooseFetchTakesNoText(t *testing.T) {
	for _, tail := range []string{"S: text", "S: text of the message)", "S=  \"\\r\\n\\r\\n\\r\\n\\r\\n)\\r\\n\"", `S:  FLAGS (\Seen)) x`} {
		r := newRig(t, "C: UID FETCH *\nS: * 1 FETCH (UID 7 BODY[] {2}\nS: hi\n"+tail+"\nX: any", Options{})
		r.conn.SetLoose(true)
		if got, err := r.fetch(imap.UIDSetNum(7, 8), bodies); err == nil || r.conn.LastError() == nil {
			t.Errorf("%s: got %+v", tail, got)
		}
	}
}
