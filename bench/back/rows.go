package back

import (
	"time"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

const (
	verify  = "verify"
	restore = "restore"
	hashing = "reading and hashing"
	plain   = "plain client"
)

// Rows are the situations of the day on which mail is lost.
func Rows() []row.Row {
	return []row.Row{
		{
			Name: "verify", What: "every file read and compared, beside a program that only reads and hashes the same files, on all cores, all of them cached",
			Settings: host.Settings{Messages: 20_000, Rounds: 5},
			// 0.9 of its speed.
			Goals: []row.Goal{{Phase: verify, Of: row.Time, Beside: hashing, AtMost: 1 / 0.9}},
			Start: startVerify,
		},
		{
			Name: "restore", What: "mail put on another server, beside a client that sends one APPEND and waits for its answer before the next; what is there after is compared",
			Settings: host.Settings{Messages: 200, Rounds: 2, RTT: 40 * time.Millisecond},
			Start:    startRestore,
		},
	}
}
