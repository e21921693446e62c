package seeded

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Mail is a mailbox that nobody has to store: what its messages are follows from their UIDs.
type Mail struct {
	Messages uint32 // with UIDs from 1 on
	Lines    int    // of the longest; the others have a part of it
	Giant    int64  // octets of one more, as far as whole lines go, with the next UID; 0: there is none
}

const width = 78 // of a line, with CRLF

// pool has lines to take from.
var pool = func() (lines [64]string) {
	for i := range lines {
		lines[i] = strings.Repeat(fmt.Sprintf("%02d the same words again, ", i), 4)[:width-2]
	}
	return lines
}()

// Last is the highest UID.
func (m Mail) Last() uint32 {
	if m.Giant > 0 {
		return m.Messages + 1
	}
	return m.Messages
}

// header is as long for every message.
func header(uid uint32, eol string) string {
	return strings.ReplaceAll(fmt.Sprintf("Message-ID: <%010d@seeded.example>\nFrom: grace@example.org\nTo: ada@example.org\n"+
		"Subject: message %010d\nContent-Type: text/plain\n\n", uid, uid), "\n", eol)
}

// headerSize is with CRLF.
var headerSize = int64(len(header(0, "\r\n")))

// lines is how many lines follow the header.
func (m Mail) lines(uid uint32) int64 {
	if uid > m.Messages {
		return m.Giant / width
	}
	return 1 + int64(uid*2654435761>>8)%int64(max(m.Lines, 1))
}

// Size is how many octets a message has.
func (m Mail) Size(uid uint32) int64 {
	return headerSize + m.lines(uid)*width
}

// Write writes a message, with these line ends.
func (m Mail) Write(w io.Writer, uid uint32, eol string) error {
	if _, err := io.WriteString(w, header(uid, eol)); err != nil {
		return err
	}
	for i := range m.lines(uid) {
		line := pool[(int64(uid)+i)%int64(len(pool))]
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
		if _, err := io.WriteString(w, eol); err != nil {
			return err
		}
	}
	return nil
}

// Date is a message's INTERNALDATE.
func Date(uid uint32) time.Time {
	return time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC).Add(time.Duration(uid) * 5 * time.Minute)
}

// Seen reports whether a message has \Seen; no other flag is there.
func Seen(uid uint32) bool { return uid%5 != 0 }

// UID is that of a message by what it begins with.
func UID(raw []byte) (uint32, error) {
	const before = "Message-ID: <"
	digits, ok := bytes.CutPrefix(raw, []byte(before))
	if !ok || len(digits) < 10 {
		return 0, fmt.Errorf("no message of this server: %.40q", raw)
	}
	n, err := strconv.ParseUint(string(digits[:10]), 10, 32)
	return uint32(n), err
}
