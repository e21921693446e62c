package sync_test

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/state"
	"mailsync/sync/plan"
)

// testdata/rows.txt says what becomes of one message, which server and disk agreed on, when
// something happens to it on either side:
//
//	server event | disk event | policy | on the server then | on disk then
//
// Each row is run to its end, and then cut at every step and run again: the same end, and a
// further run has nothing to do.
//
// The message lies in INBOX, read and not flagged. Where it is then is written as
// "INBOX S", with its flags ("-" without any); the trash is "trash", nowhere is "gone".

// target is the message that the rows are about.
const target = "Message-ID: <target@example.org>\r\nSubject: target\r\n\r\nThe message of the rows.\r\n"

var serverEvents = map[string]func(t testing.TB, l *lab, m *mem.Mailbox){
	"nothing":  func(testing.TB, *lab, *mem.Mailbox) {},
	"flagged":  func(_ testing.TB, _ *lab, m *mem.Mailbox) { m.Flag(targetUID(m), `\Flagged`, true) },
	"unread":   func(_ testing.TB, _ *lab, m *mem.Mailbox) { m.Flag(targetUID(m), `\Seen`, false) },
	"answered": func(_ testing.TB, _ *lab, m *mem.Mailbox) { m.Flag(targetUID(m), `\Answered`, true) },
	"deleted":  func(_ testing.TB, _ *lab, m *mem.Mailbox) { m.Flag(targetUID(m), `\Deleted`, true) },
	"expunged": func(_ testing.TB, _ *lab, m *mem.Mailbox) { m.Expunge(targetUID(m)) },
	"numbered": func(_ testing.TB, _ *lab, m *mem.Mailbox) { m.Renumber(7777, 50) },
}

var diskEvents = map[string]func(t testing.TB, l *lab){
	"nothing":  func(testing.TB, *lab) {},
	"flagged":  func(t testing.TB, l *lab) { l.rename(t, "Subject: target", "FS") },
	"unread":   func(t testing.TB, l *lab) { l.rename(t, "Subject: target", "") },
	"answered": func(t testing.TB, l *lab) { l.rename(t, "Subject: target", "RS") },
	"trashed":  func(t testing.TB, l *lab) { l.rename(t, "Subject: target", "ST") },
	"removed":  func(t testing.TB, l *lab) { l.remove(t, "Subject: target") },
	"moved":    func(t testing.TB, l *lab) { l.carry(t, "Subject: target", "Archive", "S") },
}

var rowPolicies = map[string]func(*plan.Policy){
	"keep":   func(*plan.Policy) {},
	"mirror": func(p *plan.Policy) { mirror(p); appending(p) },
	"delete": mirror,
	"pull":   func(p *plan.Policy) { p.FlagsToServer = false },
	"none":   func(p *plan.Policy) { p.FlagsToServer, p.FlagsToDisk = false, false },
}

func targetUID(m *mem.Mailbox) (uid state.UID) {
	for _, msg := range m.Messages {
		if msg.Body == target {
			return msg.UID
		}
	}
	return 0
}

// row is one line of the file.
type row struct{ server, disk, policy, onServer, onDisk string }

func (r row) name() string { return r.server + ", " + r.disk + ", " + r.policy }

func readRows(t *testing.T) (rows []row) {
	t.Helper()
	b, err := os.ReadFile("testdata/rows.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		col := strings.Split(line, "|")
		if len(col) != 5 {
			t.Fatalf("not five columns: %q", line)
		}
		for i := range col {
			col[i] = strings.TrimSpace(col[i])
		}
		rows = append(rows, row{col[0], col[1], col[2], col[3], col[4]})
	}
	return rows
}

// begin brings a lab to where a row's run begins.
func (r row) begin(t testing.TB) *lab {
	t.Helper()
	server, disk, policy := serverEvents[r.server], diskEvents[r.disk], rowPolicies[r.policy]
	if server == nil || disk == nil || policy == nil {
		t.Fatalf("no such row: %s", r.name())
	}
	l := filled()
	policy(&l.policy)
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(target, 1700000099, `\Seen`) })
	l.clean(t)
	l.clean(t)
	disk(t, l)
	l.server.Change("INBOX", func(m *mem.Mailbox) { server(t, l, m) })
	return l
}

// where says where the message is on either side.
func (l *lab) where(t testing.TB) (server, disk string) {
	t.Helper()
	letters := map[string]string{`\Seen`: "S", `\Flagged`: "F", `\Answered`: "R", `\Deleted`: "T"}
	var there, here []string
	for _, raw := range []string{"INBOX", "Archive", "Lists/Go"} {
		l.server.Change(raw, func(m *mem.Mailbox) {
			for _, msg := range m.Messages {
				if msg.Body != target {
					continue
				}
				var flags []string
				for f := range msg.Flags {
					flags = append(flags, letters[f])
				}
				slices.Sort(flags)
				there = append(there, raw+" "+or(strings.Join(flags, "")))
			}
		})
	}
	for _, f := range l.files(t) {
		if f.body == target {
			here = append(here, path.Clean(f.box)+" "+or(f.flags))
		}
	}
	for _, body := range l.trashed(t) {
		if body == target {
			here = append(here, "trash")
		}
	}
	return strings.Join(orGone(there), ", "), strings.Join(orGone(here), ", ")
}

func or(flags string) string {
	if flags == "" {
		return "-"
	}
	return flags
}

func orGone(places []string) []string {
	if len(places) == 0 {
		return []string{"gone"}
	}
	return places
}

func TestRows(t *testing.T) {
	rows := readRows(t)
	if len(rows) < 80 {
		t.Errorf("%d rows", len(rows))
	}
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.name()] {
			t.Errorf("twice: %s", r.name())
		}
		seen[r.name()] = true
		t.Run(r.name(), func(t *testing.T) {
			t.Parallel()
			check := func(l *lab, when string) {
				t.Helper()
				l.clean(t)
				l.clean(t)
				l.clean(t)
				l.idle(t)
				if server, disk := l.where(t); server != r.onServer || disk != r.onDisk {
					t.Fatalf("%s: %s | %s", when, server, disk)
				}
			}
			check(r.begin(t), "unbroken")
			for n := 1; ; n += stride(t) {
				l := r.begin(t)
				step, reached := cutAt(n)
				l.run(nil, step)
				if !reached() {
					break
				}
				check(l, fmt.Sprintf("cut at step %d", n))
			}
		})
	}
}
