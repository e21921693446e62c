package corpus

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Lay puts messages into a Maildir's cur, as a server that keeps Maildirs would have
// them: the mtime is the INTERNALDATE, the flags are in the name, keywords are left
// out. The folder is made where it is missing. What it lays is not durable, and the
// folder is to be handed to the server's user after. It returns how many it laid.
func Lay(maildir string, messages iter.Seq[Message]) (int, error) {
	for _, dir := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, dir), 0o755); err != nil {
			return 0, err
		}
	}
	n := 0
	for m := range messages {
		name := fmt.Sprintf("%d.P1Q%d.corpus:2,%s", m.Date.Unix(), n, letters(m.Flags))
		file := filepath.Join(maildir, "cur", name)
		if err := os.WriteFile(file, m.Raw, 0o644); err != nil {
			return n, err
		}
		if err := os.Chtimes(file, m.Date, m.Date); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// letters spells system flags as a Maildir name does, sorted.
func letters(flags []string) string {
	var s string
	for _, f := range []struct{ name, letter string }{
		{`\Draft`, "D"}, {`\Flagged`, "F"}, {"$Forwarded", "P"}, {`\Answered`, "R"}, {`\Seen`, "S"}, {`\Deleted`, "T"},
	} {
		for _, has := range flags {
			if strings.EqualFold(has, f.name) {
				s += f.letter
			}
		}
	}
	return s
}

// Appender is a connection that can append to a mailbox, named as on the wire.
type Appender interface {
	Append(mailbox string, flags []string, date time.Time, body []byte) error
}

// Append appends messages over IMAP. It stops at the first that is refused and returns
// how many were not.
func Append(to Appender, mailbox string, messages iter.Seq[Message]) (int, error) {
	n := 0
	for m := range messages {
		if err := to.Append(mailbox, m.Flags, m.Date, m.Raw); err != nil {
			return n, fmt.Errorf("append message %d %s: %w", n, m.Name, err)
		}
		n++
	}
	return n, nil
}
