package wire

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	script "mailsync/internal/testkit/imapscript"
)

// Each of these responses makes imapclient close the connection or lose the message.
func TestFetchResponsesAreRepaired(t *testing.T) {
	body := "From: a\r\n\r\nhello ) {3}\r\n"
	uids := func(n ...imap.UID) imap.UIDSet { return imap.UIDSetNum(n...) }
	for _, tt := range []struct {
		name, answer string
		set          imap.UIDSet
		want         []fetched
		told         string // a part of it; "-" nothing
	}{
		{"well formed", `S: * 1 FETCH (UID 7 FLAGS (\Seen) BODY[] @{body})`, uids(7, 8),
			[]fetched{{uid: 7, flags: `\Seen `, body: body}}, "-"},
		{"UID after the body, several asked for", `S: * 1 FETCH (FLAGS (\Seen) BODY[] @{body} UID 7)`, uids(7, 8),
			[]fetched{{uid: 7, flags: `\Seen `, body: body}}, "UID after the body"},
		{"UID after the body, one asked for", `S: * 1 FETCH (BODY[] @{body} FLAGS (\Seen) UID 7)`, uids(7),
			[]fetched{{uid: 7, flags: `\Seen `, body: body}}, "UID after the body"},
		{"no UID, one asked for", `S: * 1 FETCH (BODY[] @{body})`, uids(7),
			[]fetched{{uid: 7, body: body}}, "body without a UID"},
		{"no UID, several asked for", `S: * 1 FETCH (BODY[] @{body})`, uids(7, 8), nil, "body left out: it has no UID (lost)"},
		{"flags of the same message before", "S: * 1 FETCH (UID 7 FLAGS (\\Seen))\nS: * 1 FETCH (UID 7 BODY[] @{body})", uids(7, 8),
			[]fetched{{uid: 7, body: body}}, "-"},
		{"unknown items", `S: * 1 FETCH (X-GM-MSGID 12 UID 7 X-THING ("a" (b c)) X-LIT @{lit} BODY[] @{body} EMAILID (M1))`, uids(7, 8),
			[]fetched{{uid: 7, body: body}}, "unknown FETCH item left out (lost)"},
		{"FLAGS NIL", `S: * 1 FETCH (UID 7 FLAGS NIL BODY[] @{body})`, uids(7, 8), []fetched{{uid: 7, body: body}}, "flag list put into form"},
		{"8-bit and quoted keywords", `S= "* 1 FETCH (UID 7 FLAGS (\\Seen caf\xc3\xa9 \"Junk\" a]b) BODY[] {0}\r\n)\r\n"`, uids(7, 8),
			[]fetched{{uid: 7, flags: `\Seen Junk `}}, "keyword that is not an atom left out (lost)"},
		{"blanks", `S= "* 1  FETCH  ( UID  7 FLAGS ( \\Seen  \\Draft )  BODY[] {2}\r\nhi ) \r\n"`, uids(7, 8),
			[]fetched{{uid: 7, flags: `\Seen \Draft `, body: "hi"}}, "flag list put into form"},
		{"trailing blanks", `S= "* 1 FETCH (UID 7 FLAGS (\\Seen) )  \r\n"`, uids(7), nil, "blanks put right"},
		{"NIL body", `S: * 1 FETCH (UID 7 BODY[] nil)`, uids(7, 8), []fetched{{uid: 7, nilB: true}}, "body that is not a string"},
		{"UID after a quoted body", `S: * 1 FETCH (BODY[] "hi" UID 7)`, uids(7, 8), []fetched{{uid: 7, body: "hi"}}, "UID after the body"},
		{"UID after a body that is NIL", `S: * 1 FETCH (BODY[] NIL UID 7)`, uids(7, 8), []fetched{{uid: 7, nilB: true}}, "UID after the body"},
		{"quoted body", `S: * 1 FETCH (UID 7 BODY[] "hi \"there\"")`, uids(7, 8), []fetched{{uid: 7, body: `hi "there"`}}, "-"},
		{"RFC822 for BODY[]", `S: * 1 FETCH (UID 7 RFC822 @{body})`, uids(7, 8), []fetched{{uid: 7, body: body}}, "-"},
		{"literal8 and LITERAL+", `S= "* 1 FETCH (UID 7 BODY[] ~{2+}\r\nhi)\r\n"`, uids(7, 8), []fetched{{uid: 7, body: "hi"}}, "-"},
		{"bare LF ends", `S= "* 1 FETCH (UID 7 BODY[] {2}\nhi)\n"`, uids(7, 8), []fetched{{uid: 7, body: "hi"}}, "-"},
		{"UID 0", `S: * 1 FETCH (UID 0 BODY[] @{body})`, uids(7, 8), nil, "impossible UID dropped (lost)"},
		{"UID beyond 32 bits", `S: * 1 FETCH (UID 4294967303 BODY[] @{body})`, uids(7, 8), nil, "impossible UID dropped (lost)"},
		{"UID beyond 32 bits after the body", `S: * 1 FETCH (BODY[] @{body} UID 4294967303)`, uids(7, 8), nil, "impossible UID dropped (lost)"},
		{"unreadable, without a body", `S: * 1 FETCH (UID 8 FLAGS (\Seen BODY)`, uids(7, 8), nil, "FETCH response that cannot be read dropped (lost)"},
		{"a section that nobody asked for", `S: * 1 FETCH (UID 7 BODY[TEXT] @{body} BODY[] @{body} RFC822.HEADER "x")`, uids(7, 8),
			[]fetched{{uid: 7, body: body}}, "body of an unknown section left out (lost)"},
		{"unknown section", `S: * 1 FETCH (UID 7 BODY[?!] @{body})`, uids(7, 8), nil, "body of an unknown section left out (lost)"},
		{"a NUL in a flag", `S= "* 1 FETCH (UID 7 FLAGS (\\Seen a\x00b) BODY[] {0}\r\n)\r\n"`, uids(7, 8),
			[]fetched{{uid: 7, flags: `\Seen `}}, "keyword that is not an atom left out (lost)"},
		{"an empty list", `S: * 1 FETCH ()`, uids(7, 8), nil, "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "C: UID FETCH *\n"+tt.answer+"\nS: $tag OK done\nC: NOOP\nS: $tag OK done", Options{},
				script.Vars{"body": body, "lit": "x) y"})
			got, err := r.fetch(tt.set, bodies)
			if err != nil {
				t.Fatalf("fetch: %v (%v)", err, r.conn.LastError())
			}
			compare(t, got, tt.want)
			r.alive()
			if told := r.told(); tt.told == "-" && told != "" || tt.told != "-" && !strings.Contains(told, tt.told) {
				t.Errorf("told %q, want %q", told, tt.told)
			}
		})
	}
}

func compare(t *testing.T, got, want []fetched) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("got %d messages %+v, want %+v", len(got), got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("message %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestFetchValuesOutOfRangeAreLeftOut(t *testing.T) {
	for _, tt := range []struct{ name, items, told string }{
		{"padded day", `INTERNALDATE " 1-Feb-2024 10:00:00 +0100" RFC822.SIZE 10`, ""},
		{"date NIL", `INTERNALDATE NIL RFC822.SIZE 10`, "INTERNALDATE that cannot be read left out (lost)"},
		{"date of another form", `INTERNALDATE "Thu, 1 Feb 2024" RFC822.SIZE 10`, "INTERNALDATE that cannot be read left out (lost)"},
		{"negative size", `INTERNALDATE " 1-Feb-2024 10:00:00 +0100" RFC822.SIZE -1`, "RFC822.SIZE out of range left out (lost)"},
		{"size beyond 63 bits", `INTERNALDATE " 1-Feb-2024 10:00:00 +0100" RFC822.SIZE 9223372036854775808`, "RFC822.SIZE out of range left out (lost)"},
		{"MODSEQ", `INTERNALDATE " 1-Feb-2024 10:00:00 +0100" RFC822.SIZE 10 MODSEQ (18446744073709551616)`, ""},
		{"MODSEQ without parentheses", `INTERNALDATE " 1-Feb-2024 10:00:00 +0100" MODSEQ 7 RFC822.SIZE 10`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "C: UID FETCH *\nS: * 1 FETCH (UID 7 "+tt.items+")\nS: $tag OK done\nC: NOOP\nS: $tag OK done", Options{})
			got, err := r.fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{InternalDate: true, RFC822Size: true})
			if err != nil || len(got) != 1 || got[0].uid != 7 {
				t.Fatalf("fetch: %v %+v", err, got)
			}
			if noDate := strings.Contains(tt.told, "INTERNALDATE"); got[0].date.IsZero() != noDate {
				t.Errorf("date is %v", got[0].date)
			}
			if noSize := strings.Contains(tt.told, "SIZE"); (got[0].size == 0) != noSize {
				t.Errorf("size is %d", got[0].size)
			}
			r.alive()
			if told := strings.TrimSpace(r.told()); told != tt.told {
				t.Errorf("told %q, want %q", told, tt.told)
			}
			if len(r.repairs) > 0 && r.repairs[0].UID != 7 {
				t.Errorf("told of UID %d, want 7", r.repairs[0].UID)
			}
		})
	}
}

func TestABodyTooLargeToWaitForItsUIDIsLeftOut(t *testing.T) {
	body := strings.Repeat("x", 5000)
	r := newRig(t, "C: UID FETCH *\nS: * 1 FETCH (BODY[] @{body} UID 7)\nS: $tag OK done\n"+
		"C: UID FETCH 7 *\nS: * 1 FETCH (BODY[] @{body} UID 7)\nS: $tag OK done", Options{MaxHeld: 4000}, script.Vars{"body": body})
	got, err := r.fetch(imap.UIDSetNum(7, 8), bodies)
	if err != nil || len(got) != 0 {
		t.Fatalf("fetch: %v %+v", err, got)
	}
	if len(r.repairs) == 0 || !r.repairs[0].Lost || r.repairs[0].UID != 7 {
		t.Errorf("told %+v", r.repairs)
	}
	// Asked for alone, it need not wait.
	if got, err = r.fetch(imap.UIDSetNum(7), bodies); err != nil || len(got) != 1 || got[0].body != body {
		t.Errorf("fetch alone: %v, %d messages", err, len(got))
	}
}

func TestStrayFlagsAreNotTakenForTheAnswer(t *testing.T) {
	r := newRig(t, "C: UID FETCH *\nS: * 1 FETCH (UID 7 FLAGS (\\Seen))\nS: * 1 FETCH (UID 7 BODY[] {2}\nS= \"hi)\\r\\n\"\nS: $tag OK done", Options{})
	if got, err := r.fetch(imap.UIDSetNum(7, 8), bodies); err != nil || len(got) != 1 || got[0].body != "hi" {
		t.Fatalf("fetch: %v %+v", err, got)
	}
}

func TestNonsenseAfterABodyBreaksTheConnection(t *testing.T) {
	for name, answer := range map[string]string{
		"body longer than its literal": `S= "* 1 FETCH (UID 7 BODY[] {2}\r\nhi there)\r\n"`,
		"another UID after the body":   `S= "* 1 FETCH (UID 7 BODY[] {2}\r\nhi UID 8)\r\n"`,
		"size beyond 63 bits":          `S= "* 1 FETCH (UID 7 BODY[] {9223372036854775808}\r\nhi)\r\n"`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "C: UID FETCH *\n"+answer+"\nX: any", Options{})
			_, err := r.fetch(imap.UIDSetNum(7, 8), bodies)
			if err == nil || r.conn.LastError() == nil {
				t.Errorf("fetch: %v, last error %v", err, r.conn.LastError())
			}
		})
	}
}

// A UIDFETCH (RFC 9586) reaches the client as the FETCH of that UID, whether the UID is among its items or not.
func TestUIDFetchIsAFetch(t *testing.T) {
	vars := script.Vars{"body": "hi\r\n"}
	for _, tt := range []struct {
		name, answer string
		want         []fetched
		told         string
	}{
		{"without UID", "S: * 7 UIDFETCH (BODY[] @{body})", []fetched{{uid: 7, body: "hi\r\n"}}, "-"},
		{"with UID", "S: * 7 UIDFETCH (UID 7 BODY[] @{body})", []fetched{{uid: 7, body: "hi\r\n"}}, "-"},
		{"UID behind the body", `S: * 7 UIDFETCH (FLAGS (\Seen) BODY[] @{body} UID 7)`, []fetched{{uid: 7, body: "hi\r\n", flags: `\Seen `}}, "-"},
		{"highest", "S: * 4294967295 UIDFETCH (BODY[] @{body})", nil, "-"},
		{"lower case", "S: * 7 uidfetch (body[] @{body})", []fetched{{uid: 7, body: "hi\r\n"}}, "-"},
		{"flags on the side", "S: * 7 UIDFETCH (FLAGS ())\nS: * 7 UIDFETCH (BODY[] @{body})", []fetched{{uid: 7, body: "hi\r\n"}}, "-"},
		{"UID 0", "S: * 0 UIDFETCH (BODY[] @{body})", nil, "message with an impossible UID dropped (lost)"},
		{"without a list", "S: * 7 UIDFETCH", nil, "unknown response dropped (lost)"},
		{"vanished", "S: * VANISHED 9\nS: * 7 UIDFETCH (BODY[] @{body})", []fetched{{uid: 7, body: "hi\r\n"}}, "response dropped that nobody asked for"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "C: UID FETCH *\n"+tt.answer+"\nS: $tag OK done\nC: NOOP\nS: $tag OK done", Options{}, vars)
			got, err := r.fetch(imap.UIDSetNum(7, 8), bodies)
			if err != nil {
				t.Fatalf("fetch: %v (%v)", err, r.conn.LastError())
			}
			compare(t, got, tt.want)
			r.alive()
			if told := r.told(); tt.told == "-" && told != "" || tt.told != "-" && !strings.Contains(told, tt.told) {
				t.Errorf("told %q, want %q", told, tt.told)
			}
		})
	}
}
