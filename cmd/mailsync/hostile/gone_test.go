//go:build unix

package hostile

import (
	"fmt"
	"strings"
	"testing"

	"mailsync/backends/imap/script"
)

// An expunge that is done is done, where SEARCH says nothing of what is not there.
func TestGoneWhereSearchIsSilent(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"$tag OK done", "$tag NO nothing matches", "$tag BAD no messages"} {
		for _, all := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, all of them: %v", strings.TrimPrefix(line, "$tag "), all), func(t *testing.T) {
				t.Parallel()
				l := newIMAP(t, situation{prepare: inboxAlone, lines: []string{"max_delete = 5"}})
				l.acct.Mailbox("INBOX").Messages = l.acct.Mailbox("INBOX").Messages[:3]
				l.sync()
				mail, _ := l.files()
				for _, m := range mail {
					if all || m.body == letter(1) {
						l.removeAll(m.path)
					}
				}
				l.serve(script.Healthy(l.acct, script.Answers{"UID SEARCH": say(line)}))
				o := l.sync()
				want := map[bool]int{false: 1, true: 3}[all]
				if o.code != 0 {
					t.Errorf("exit %d\n%s", o.code, tail(o.stderr))
				}
				if left := len(l.acct.Mailbox("INBOX").Messages); left != 3-want {
					t.Errorf("%d messages are left", left)
				}
			})
		}
	}
}
