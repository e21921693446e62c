package verify

import "mailsync/state"

// This file tells those who look on how much there is to read, before the first file is read: as much as is recorded. Each
// mailbox corrects it once its files are known.

// recordedIn is what is recorded to be here of a mailbox.
func recordedIn(row state.MailboxRow) (messages int, octets int64) {
	for _, g := range row.Generations {
		messages += g.Tally.Here
		octets += g.Tally.HereBytes
	}
	return messages, octets
}

// foresee tells of all mailboxes to look at.
func (w *verifying) foresee() {
	for _, row := range w.rows {
		w.Planned(recordedIn(row))
	}
}

// foreseen tells that a mailbox has other files than are recorded; none where it cannot be read.
func (l *looking) foreseen(row state.MailboxRow, messages int, octets int64) {
	if l.only == nil {
		was, had := recordedIn(row)
		l.Planned(messages-was, octets-had)
	}
}
