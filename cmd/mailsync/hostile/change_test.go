//go:build unix

package hostile

import (
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// What the server answers when it should change something.
func TestChanging(t *testing.T) {
	failed, some := []int{1}, []int{0, 1}
	all := func(verb string, silent, closed []int) []situation {
		return []situation{
			{name: verb + "/NO", codes: failed, answers: for1(verb, say("$tag NO [OVERQUOTA] not today"))},
			{name: verb + "/NO without a reason", codes: failed, answers: for1(verb, say("$tag NO"))},
			{name: verb + "/BAD", codes: failed, answers: for1(verb, say("$tag BAD what"))},
			{name: verb + "/silence", codes: silent, slow: true, answers: for1(verb, stall)},
			{name: verb + "/closed", codes: closed, answers: for1(verb, hangUp)},
			{name: verb + "/reset", codes: closed, answers: for1(verb, reset)},
			{name: verb + "/OK and nothing done", codes: some, forgets: verb == "APPEND", answers: for1(verb, say("$tag OK done"))},
			{name: verb + "/try later", codes: []int{1, 5}, answers: for1(verb, say("$tag NO [UNAVAILABLE] later"))},
			{name: verb + "/done, and closed before the answer", codes: closed, answers: doneThenClosed(verb)},
		}
	}
	var list []situation
	for _, verb := range []string{"UID STORE", "APPEND", "UID EXPUNGE"} {
		list = append(list, all(verb, []int{1, 5}, []int{0, 1, 5})...)
	}
	list = append(list,
		situation{name: "APPEND done, closed before the answer, and no Message-IDs", codes: []int{0, 1, 5}, answers: doneThenClosed("APPEND"), muteAfter: true},
		situation{name: "STORE echoes other flags", codes: some, answers: for1("UID STORE", say(`* 1 FETCH (UID 1 FLAGS (\Draft))`, "$tag OK done"))},
		situation{name: "STORE echoes other messages", codes: some, answers: for1("UID STORE", say(`* 99 FETCH (UID 4000000000 FLAGS (\Draft))`, "$tag OK done"))},
		situation{name: "STORE refused as modified", codes: some, answers: for1("UID STORE", say("$tag OK [MODIFIED 1:4294967295] conditional"))},
		situation{name: "APPENDUID of another generation", codes: some, forgets: true, answers: for1("APPEND", say("$tag OK [APPENDUID 4711 99] done"))},
		situation{name: "APPENDUID of a message that is here", codes: some, forgets: true, answers: for1("APPEND", say("$tag OK [APPENDUID 1000 3] done"))},
		situation{name: "APPENDUID like noise", codes: some, forgets: true, answers: for1("APPEND", say("$tag OK [APPENDUID x 0] done"))},
		situation{name: "EXPUNGE that takes others too", codes: some, answers: for1("UID EXPUNGE", say("* 1 EXPUNGE", "* 1 EXPUNGE", "* 99 EXPUNGE", "* 0 EXPUNGE", "$tag OK done"))},
		situation{name: "no UIDPLUS and no MOVE", codes: some, prepare: func(acct *script.Account) {
			acct.Caps = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ENABLE NAMESPACE UNSELECT CONDSTORE ESEARCH LIST-EXTENDED LIST-STATUS"
		}, answers: func(acct *script.Account) script.Answers {
			acct.Caps = script.DefaultCaps
			return nil
		}, never: true},
	)
	play(t, list)
}

// doneThenClosed has a command done by a healthy server whose answer never arrives.
func doneThenClosed(verb string) func(*script.Account) script.Answers {
	return for1(verb, func(p *script.Peer, _ script.Command) bool {
		p.CutAfter(1)
		return false
	})
}

// What comes unasked.
func TestNoise(t *testing.T) {
	first := func(lines ...string) func(*script.Account) script.Answers {
		return func(*script.Account) script.Answers {
			all := script.Answers{}
			for _, verb := range []string{"LIST", "EXAMINE", "SELECT", "UID FETCH", "UID STORE"} {
				all[verb] = func(p *script.Peer, cmd script.Command) bool { say(lines...)(p, cmd); return false }
			}
			return all
		}
	}
	some, whatever := []int{0, 1}, []int{0, 1, 5}
	play(t, []situation{
		{name: "unknown answers", codes: []int{0}, answers: first("* WHATEVER this is", "* 7 HAPPENED", "* X-THING (a b)")},
		{name: "EXPUNGE of the first", codes: some, lies: true, answers: first("* 1 EXPUNGE")},
		{name: "EXPUNGE of all", codes: whatever, lies: true, answers: first("* 5 EXPUNGE", "* 4 EXPUNGE", "* 3 EXPUNGE", "* 2 EXPUNGE", "* 1 EXPUNGE")},
		{name: "VANISHED all", codes: some, lies: true, answers: first("* VANISHED 1:4294967295")},
		{name: "VANISHED like noise", codes: whatever, answers: first("* VANISHED (EARLIER) 1:*,0,x")},
		{name: "EXISTS up and down", codes: some, lies: true, answers: first("* 4294967295 EXISTS", "* 0 EXISTS", "* 3 RECENT")},
		{name: "flags of others", codes: some, answers: first(`* 3 FETCH (UID 3 FLAGS (\Deleted \Seen))`, `* 4 FETCH (FLAGS (\Deleted))`), never: true},
		{name: "alerts", codes: []int{0}, answers: first("* OK [ALERT] your \x1b[31mmailbox\x07 is red", "* NO [ALERT] really", "* BAD oh")},
		{name: "continuations", codes: whatever, answers: first("+ go on", "+ ")},
		{name: "answers to nobody", codes: whatever, answers: first("zz9 OK done", "T999999 NO failed")},
		{name: "empty lines", codes: whatever, answers: first("", " ", "*", "* ")},
		{name: "binary", codes: whatever, answers: first("* \x00\x01\x02\xff\xfe", "\xff\xf4\xff\xfd\x06")},
		{name: "an endless line", codes: whatever, slow: true, answers: func(*script.Account) script.Answers {
			return script.Answers{"EXAMINE": func(p *script.Peer, _ script.Command) bool { flood("* OK on and on ", 4000)(p); return true },
				"SELECT": func(p *script.Peer, _ script.Command) bool { flood("* OK on and on ", 4000)(p); return true }}
		}},
		{name: "endless alerts", codes: whatever, slow: true, answers: func(*script.Account) script.Answers {
			return script.Answers{"EXAMINE": func(p *script.Peer, _ script.Command) bool { flood("* OK [ALERT] look\r\n", 300)(p); return false }}
		}},
		{name: "lines that end in LF alone", codes: whatever, answers: func(*script.Account) script.Answers {
			return script.Answers{"EXAMINE": func(p *script.Peer, _ script.Command) bool {
				p.Raw([]byte("* OK just a line feed\n"))
				return false
			}}
		}},
		{name: "BYE in the middle of everything", codes: whatever, answers: first("* BYE going down now")},
	})
}
