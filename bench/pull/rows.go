package pull

import (
	"time"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

const far = 40 * time.Millisecond

// Rows are the situations of IMAP.
func Rows() []row.Row {
	some := host.Settings{Messages: 2000, Mailboxes: 10}
	return []row.Row{
		{
			Name:     "incremental",
			What:     "50 new messages and 200 flags changed on the server, 200 other flags changed on disk; both sides compared after",
			Settings: some.Or(host.Settings{Rounds: 9}),
			Goals:    []row.Goal{{Phase: incremental, Of: row.Time, Beside: theirs, AtMost: 0.7}},
			Start:    plan{rivals: []string{theirs}, change: true, keep: true}.start,
		},
		{
			Name:     "idle",
			What:     "ten mailboxes with nothing new",
			Settings: some.Or(host.Settings{Rounds: 9}),
			Goals:    []row.Goal{{Phase: idle, Of: row.Time, Beside: theirs, AtMost: 0.4}},
			Start:    plan{rivals: []string{theirs}, idle: true, keep: true}.start,
		},
		{
			Name:     "wan",
			What:     "the first pull, nothing new, and the incremental run, far away",
			Settings: some.Or(host.Settings{Rounds: 3, RTT: far}),
			Goals:    []row.Goal{{Phase: first, Of: row.Time, Beside: theirs, AtMost: 0.25}},
			Start:    plan{rivals: []string{theirs}, idle: true, change: true}.start,
		},
		{
			Name:     "durable",
			What:     "the first pull with every file durable, with TLS, beside the disk's own limit: the same files written and synced by four threads",
			Settings: host.Settings{Messages: 20_000, Mailboxes: 40, Rounds: 2, TLS: true},
			Goals: []row.Goal{
				{Phase: first, Of: row.Time, Beside: inflated, AtMost: 0.35},
				{Phase: first, Of: row.Time, Beside: disk, AtMost: 1.2},
			},
			Start: plan{rivals: []string{theirs, inflated, disk}, idle: true}.start,
		},
	}
}
