package wire

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	script "mailsync/internal/testkit/imapscript"
)

// Each of these responses, sent before a NOOP's answer, makes imapclient close the
// connection, run in circles, or lose the responses after it.
func TestResponsesAreRepairedOrDropped(t *testing.T) {
	for _, tt := range []struct{ name, answer, told string }{
		{"VANISHED that nobody asked for", `S: * VANISHED 3:5`, "VANISHED dropped"},
		{"unknown", `S: * XLIST (\Inbox) "/" "INBOX"`, "unknown response dropped (lost)"},
		{"unknown with a literal", `S: * XTHING {3}` + "\n" + `S= "a)b (c)\r\n"`, "unknown response dropped (lost)"},
		{"unknown with a number", `S: * 5 COPIED`, "unknown response dropped (lost)"},
		{"empty line", `S: `, "empty line dropped"},
		{"a parenthesis among capabilities", `S: * CAPABILITY IMAP4rev1 (IDLE) CONDSTORE`, "capability that is no atom left out (lost)"},
		{"ID with NIL", `S: * ID ("name" "x" "version" NIL)`, "NIL in an ID"},
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
		{"NAMESPACE that goes on", `S: * NAMESPACE (("" "/")) NIL NIL x`, "NAMESPACE that cannot be read dropped (lost)"},
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
		{"no response", `S: hello there`, "no response"},
		{"a tag never sent", `S: T99 OK done`, "a command that was not sent"},
		{"EXISTS beyond 32 bits", `S: * 4294967296 EXISTS`, "impossible number"},
		{"SEARCH with letters", `S: * SEARCH 1 2 x`, "SEARCH answer that cannot be read"},
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

func TestListLeavesOutOnlyNamesThatCannotBeSelected(t *testing.T) {
	r := newRig(t, `C: LIST *
		S: * LIST (\HasNoChildren) "/" inbox
		S: * LIST (\Sent) "/" "Gesch&AOQ-ft"
		S: * LIST () "/" "R&D"
		S: * LIST () "/" "&Jjo!-"
		S= "* LIST () \"/\" \"caf\xc3\xa9\"\r\n"
		S= "* LIST () \"/\" \"a\x00b\"\r\n"
		S: * LIST () NIL {7}
		S= "a \"b] c\r\n"
		S: * LIST NIL "" flat
		S: * LIST (\A "x) "/" broken
		S: * LIST (\Noselect) "/" "ext" ("CHILDINFO" ("SUBSCRIBED"))
		S: * LIST () "/" "badext" ("OLDNAME" ("x&"))
		S: * LIST () "\\" back\slash
		S: * LIST () "\\" back\slash 1
		S: * LIST () "/" "quoted" 1
		S: * LIST () "/" back (copy 2)
		S: * LIST () "/" bare ("CHILDINFO" ("SUBSCRIBED"))
		S= "* LIST () \"/\" \"last\"  \r\n"
		S: $tag OK done
		C: NOOP
		S: $tag OK`, Options{})
	list, err := r.client.List("", "*", nil).Collect()
	if err != nil {
		t.Fatalf("list: %v (%v)", err, r.conn.LastError())
	}
	var names []string
	for _, l := range list {
		names = append(names, l.Mailbox)
	}
	if got, want := strings.Join(names, "|"), `INBOX|Geschäft|a "b] c|flat|ext|badext|back\slash|bare|last`; got != want {
		t.Errorf("listed %q, want %q", got, want)
	}
	var left []string
	for _, rep := range r.repairs {
		if strings.HasPrefix(rep.What, "mailbox left out") {
			left = append(left, rep.Mailbox)
		}
	}
	if got, want := strings.Join(left, "|"), "R&D|&Jjo!-|caf\xc3\xa9|a\x00b||||"; got != want {
		t.Errorf("left out %q, want %q", got, want)
	}
	r.alive()
}

func TestStatusLeavesOutWhatIsOutOfRange(t *testing.T) {
	r := newRig(t, `C: STATUS *
		S: * STATUS "R&D" (MESSAGES 1)
		S= "* STATUS box ( MESSAGES 5  UIDNEXT 4294967296 UIDVALIDITY 9 HIGHESTMODSEQ NIL X (a (b)) )\r\n"
		S: $tag OK done`, Options{})
	got, err := r.client.Status("box", &imap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true}).Wait()
	if err != nil || got.NumMessages == nil || *got.NumMessages != 5 || got.UIDNext != 0 || got.UIDValidity != 9 || got.HighestModSeq != 0 {
		t.Errorf("status: %v %+v (%v)", err, got, r.conn.LastError())
	}
	if told := r.told(); strings.Count(told, "STATUS item out of range left out (lost)") != 2 {
		t.Errorf("told %q", told)
	}
}

func TestQuotaAndNamespaceOfOldServers(t *testing.T) {
	r := newRig(t, `C: GETQUOTAROOT INBOX
		S: * QUOTAROOT INBOX "ROOT"
		S: * QUOTA "ROOT"
		S: $tag OK done
		C: NAMESPACE
		S: * NAMESPACE (("INBOX." ".")) nil (("#shared." ".")("shared." "."))
		S: $tag OK done`, Options{})
	if q, err := r.client.GetQuotaRoot("INBOX").Wait(); err != nil || len(q) != 1 || q[0].Root != "ROOT" {
		t.Fatalf("quota: %v %+v (%v)", err, q, r.conn.LastError())
	}
	ns, err := r.client.Namespace().Wait()
	if err != nil || len(ns.Personal) != 1 || ns.Personal[0].Prefix != "INBOX." || len(ns.Other) != 0 || len(ns.Shared) != 2 {
		t.Errorf("namespace: %v %+v (%v)", err, ns, r.conn.LastError())
	}
}

func TestSetsLargerThanTheMailboxBreakTheConnection(t *testing.T) {
	const open = "C: EXAMINE *\nS: * 3 EXISTS\nS: $tag OK done\nC: UID SEARCH *\n"
	search := func(r *rig) (*imap.SearchData, error) {
		if _, err := r.client.Select("INBOX", &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			t.Fatal(err)
		}
		return r.client.UIDSearch(&imap.SearchCriteria{}, &imap.SearchOptions{ReturnAll: true}).Wait()
	}
	r := newRig(t, open+"S: * ESEARCH (TAG \"$tag\") UID ALL 9,1:2\nS: $tag OK done", Options{})
	if got, err := search(r); err != nil || got.All.String() != "1:2,9" {
		t.Errorf("search: %v %v (%v)", err, got.All, r.conn.LastError())
	}
	for _, set := range []string{"1:4294967295", "1:4", "1:*", "0", "x"} {
		r := newRig(t, open+"S: * ESEARCH (TAG \"$tag\") UID ALL "+set+"\nX: any", Options{})
		if got, err := search(r); err == nil {
			t.Errorf("%s was taken: %v", set, got.All)
		} else if err := r.conn.LastError(); err == nil || !strings.Contains(err.Error(), "ESEARCH") {
			t.Errorf("%s: broke with %v", set, err)
		}
	}
	r = newRig(t, open+"S= \"* SEARCH 9 2  1 9\\r\\n\"\nS: $tag OK done", Options{})
	if got, err := search(r); err != nil || got.All.String() != "1:2,9" {
		t.Errorf("search: %v %v (%v)", err, got.All, r.conn.LastError())
	}
}

func TestVanishedIsHandedOver(t *testing.T) {
	r := newRig(t, "C: NOOP\nS: * VANISHED (EARLIER) 41,43:116,42\nS: * VANISHED 405\nS: $tag OK", Options{})
	type gone struct {
		earlier bool
		set     string
	}
	heard := make(chan gone, 2)
	r.conn.OnVanished(func(earlier bool, set []Range) { heard <- gone{earlier, string(appendSet(nil, set))} })
	r.alive()
	if g := <-heard; g != (gone{true, "41:116"}) {
		t.Errorf("first %+v", g)
	}
	if g := <-heard; g != (gone{false, "405"}) {
		t.Errorf("second %+v", g)
	}
}

func TestTextsThatTheClientLosesAreHeard(t *testing.T) {
	r := newRig(t, "C: NOOP\nS: * OK [ALERT] disk is full\nS: * NO plain\nS: $tag OK [MODIFIED 7,9] some\nC: LOGOUT\nS: * BYE [UNAVAILABLE] later\nS: $tag OK", Options{})
	var heard []string
	r.conn.OnText(func(kind, code, text string, tagged bool) {
		if tagged {
			kind = "$tag " + kind
		}
		heard = append(heard, kind+"|"+code+"|"+text)
	})
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
