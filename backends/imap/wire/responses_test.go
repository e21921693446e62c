package wire

import (
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// Each of these responses, sent before a NOOP's answer, makes imapclient close the
// connection, run in circles, or lose the responses after it.
func TestResponsesAreRepairedOrDropped(t *testing.T) {
	for _, tt := range []struct{ name, answer, told string }{
		{"VANISHED", `S: * VANISHED 3:5`, "response dropped that nobody asked for"},
		{"VANISHED of all", `S: * VANISHED (EARLIER) 1:4294967295`, "response dropped that nobody asked for"},
		{"LIST", `S: * LIST () "/" "R&D"`, "response dropped that nobody asked for"},
		{"LIST with a literal", `S: * LIST () "/" {7}` + "\n" + `S= "a \"b] c\r\n"`, "response dropped that nobody asked for"},
		{"STATUS", `S: * STATUS "R&D" (MESSAGES 4294967296)`, "response dropped that nobody asked for"},
		{"SEARCH with letters", `S: * SEARCH 1 2 x`, "response dropped that nobody asked for"},
		{"ESEARCH with more than there can be", `S: * ESEARCH UID ALL 1:4294967295`, "response dropped that nobody asked for"},
		{"QUOTA", `S: * QUOTA "ROOT"`, "response dropped that nobody asked for"},
		{"ENABLED", `S: * ENABLED (`, "response dropped that nobody asked for"},
		{"unknown", `S: * XLIST (\Inbox) "/" "INBOX"`, "unknown response dropped (lost)"},
		{"unknown with a literal", `S: * XTHING {3}` + "\n" + `S= "a)b (c)\r\n"`, "unknown response dropped (lost)"},
		{"unknown with a number", `S: * 5 COPIED`, "unknown response dropped (lost)"},
		{"empty line", `S: `, "empty line dropped"},
		{"a parenthesis among capabilities", `S: * CAPABILITY IMAP4rev1 (IDLE) CONDSTORE`, "capability that is not an atom left out (lost)"},
		{"ID with NIL", `S: * ID ("name" "x" "version" NIL)`, "response dropped that nobody asked for"},
		{"a code that never ends", `S: * OK [FOO bar`, "response code that cannot be read left out (lost)"},
		{"an empty code", `S: * OK [] fine`, "response code that cannot be read left out (lost)"},
		{"no blank after a code", `S: * OK [ALERT]fine`, ""},
		{"no text", `S: * OK`, ""},
		{"a CR in a text", `S= "* OK a\rb\r\n"`, ""},
		{"a NUL in a text", `S= "* OK a\x00b\r\n"`, ""},
		{"UIDNEXT beyond 32 bits", `S: * OK [UIDNEXT 4294967296] next`, "response code out of range left out (lost)"},
		{"UIDVALIDITY NIL", `S: * OK [UIDVALIDITY NIL] x`, "response code out of range left out (lost)"},
		{"HIGHESTMODSEQ beyond 63 bits", `S: * OK [HIGHESTMODSEQ 99999999999999999999] x`, "response code out of range left out (lost)"},
		{"PERMANENTFLAGS NIL", `S: * OK [PERMANENTFLAGS NIL] x`, "flag list put into form"},
		{"FLAGS NIL", `S: * FLAGS NIL`, "flag list put into form"},
		{"bare LF", `S= "* 3 EXISTS\n* OK x\n"`, ""},
		{"CR CR LF", `S= "* 3 EXISTS\r\r\n"`, ""},
		{"blanks", `S= "*  3  EXISTS \r\n"`, "blanks put right"},
		{"unasked continuation", `S: + hello`, "continuation request that nobody waits for dropped"},
		{"COPYUID of unequal sets", `S: * OK [COPYUID 1 1:4294967295 7] x`, "response code out of range left out (lost)"},
		{"UIDVALIDITY that goes on", `S: * OK [UIDVALIDITY 5 6] x`, "response code out of range left out (lost)"},
		{"PERMANENTFLAGS that goes on", `S: * OK [PERMANENTFLAGS (\Seen) x] x`, "response code out of range left out (lost)"},
		{"FLAGS that goes on", `S: * FLAGS (\Seen) x`, "flag list that cannot be read left out (lost)"},
		{"NAMESPACE that goes on", `S: * NAMESPACE (("" "/")) NIL NIL x`, "response dropped that nobody asked for"},
		{"FETCH without a list", `S: * 3 FETCH`, "FETCH response that cannot be read dropped (lost)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "C: NOOP\n"+tt.answer+"\nS: $tag OK\nC: NOOP\nS: $tag OK", Options{})
			r.alive()
			r.alive()
			if told := r.told(); tt.told == "" && strings.Contains(told, "lost") || !strings.Contains(told, tt.told) {
				t.Errorf("told %q, want %q", told, tt.told)
			}
		})
	}
}

func TestTaggedLinesEndInAnyWay(t *testing.T) {
	for name, answer := range map[string]string{
		"no text":      `S: $tag OK`,
		"bare LF":      `S= "$tag OK done\n"`,
		"blanks":       `S= "$tag  OK  done  \r\n"`,
		"lower case":   `S= "$tag ok done\r\n"`,
		"CR CR LF":     `S= "$tag OK done\r\r\n"`,
		"bad code":     `S: $tag OK [APPENDUID x y] done`,
		"open code":    `S: $tag OK [FOO done`,
		"only a code":  `S: $tag OK [FOO]`,
		"code, no gap": `S: $tag OK [FOO]done`,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "C: NOOP\n"+answer+"\nC: NOOP\nS: $tag OK", Options{})
			r.alive()
			r.alive()
		})
	}
}

func TestWhatMakesNoSenseBreaksTheConnection(t *testing.T) {
	for _, tt := range []struct{ name, answer, want string }{
		{"no response", `S: hello there`, "not a response"},
		{"a tag never sent", `S: T99 OK done`, "a command that was not sent"},
		{"EXISTS beyond 32 bits", `S: * 4294967296 EXISTS`, "impossible number"},
		{"literal of 40 digits", `S: * LIST () "/" {1000000000000000000000000000000000000000}`, "impossible size"},
		{"literal too long for a name", `S: * LIST () "/" {2000000}`, "none so long belongs"},
		{"a line too long", `S: * OK ${long}`, "more than 4096 octets"},
		{"escapes are escaped", `S= "\x1b]0;owned\x07 what\r\n"`, `\x1b]0;owned\a what`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, "C: NOOP\n"+tt.answer+"\nX: any", Options{MaxLine: 4096}, script.Vars{"long": strings.Repeat("x", 5000)})
			if err := r.client.Noop().Wait(); err == nil {
				t.Error("NOOP went well")
			}
			if err := r.conn.LastError(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("broke with %v, want %q", err, tt.want)
			}
		})
	}
}

func TestTextsThatTheClientLosesAreHeard(t *testing.T) {
	var heard []string
	hear := func(kind, code, text string, tagged bool) {
		if tagged {
			kind = "$tag " + kind
		}
		heard = append(heard, kind+"|"+code+"|"+text)
	}
	r := newRig(t, "C: NOOP\nS: * OK [ALERT] disk is full\nS: * NO plain\nS: $tag OK [MODIFIED 7,9] some\nC: LOGOUT\nS: * BYE [UNAVAILABLE] later\nS: $tag OK", Options{OnText: hear})
	heard = nil // without the greeting
	r.alive()
	if err := r.client.Logout().Wait(); err != nil {
		t.Fatal(err)
	}
	_ = r.client.Close()
	want := "OK|ALERT|disk is full NO||plain $tag OK|MODIFIED 7,9|some BYE|UNAVAILABLE|later $tag OK||"
	if got := strings.Join(heard, " "); got != want {
		t.Errorf("heard %q, want %q", got, want)
	}
	if err := r.conn.LastError(); err != nil {
		t.Errorf("a log-out is no break: %v", err)
	}
}
