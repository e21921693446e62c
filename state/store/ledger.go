package store

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"mailsync/state"
)

const ledgerName = "restored"

const ledgerHead = "mailsync-restored 1\n"

// Ledger is restore's own memory: a file in the state directory to which one line is
// added for every message before it is sent, and one with its UID after. It is not
// needed: without it what is on the server is found by its content.
type Ledger struct {
	path string
	f    *os.File // nil until the first line is written
	sent map[int64]state.Sent
	next int64
	good int64 // length of what could be read
}

// OpenLedger reads the ledger of a state directory whose lock is held. A line that is damaged, or was
// cut off by a crash, is left out. It writes nothing.
func OpenLedger(lock *Lock) (*Ledger, error) { return ReadLedger(lock.Dir()) }

// ReadLedger is OpenLedger for somebody who only looks.
func ReadLedger(dir string) (*Ledger, error) {
	l := &Ledger{path: filepath.Join(dir, ledgerName), sent: map[int64]state.Sent{}, next: 1}
	b, err := os.ReadFile(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return nil, storageFault("read restore's record", err)
	}
	rest, ok := bytes.CutPrefix(b, []byte(ledgerHead))
	if !ok {
		return l, nil // begun anew with the first line
	}
	l.good = int64(len(ledgerHead))
	for len(rest) > 0 {
		line, tail, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break // cut off
		}
		l.take(string(line))
		l.good += int64(len(line)) + 1
		rest = tail
	}
	return l, nil
}

// take reads one line: "CRC S ID UIDVALIDITY UIDNEXT BYTES DIGEST RAW" for what is sent, "CRC U ID UID"
// for what it became, and "CRC C ID" for one that was confirmed without a UID; a UID of 0 says that it was not stored.
func (l *Ledger) take(line string) {
	sum, text, ok := strings.Cut(line, " ")
	if !ok || sum != lineSum(text) {
		return
	}
	switch w := strings.SplitN(text, " ", 7); {
	case w[0] == "S" && len(w) == 7:
		var s state.Sent
		var err error
		n := [4]int64{}
		for i := range n {
			var e error
			n[i], e = strconv.ParseInt(w[1+i], 10, 64)
			err = errors.Join(err, e)
		}
		d, e := hex.DecodeString(w[5])
		raw, e2 := strconv.Unquote(w[6])
		if err != nil || e != nil || e2 != nil || len(d) != state.DigestSize {
			return
		}
		s = state.Sent{ID: n[0], UIDValidity: uint32(n[1]), UIDNext: uint32(n[2]), Bytes: n[3], Raw: raw}
		copy(s.Digest[:], d)
		l.sent[s.ID] = s
		l.next = max(l.next, s.ID+1)
	case w[0] == "U" && len(w) == 3:
		id, err := strconv.ParseInt(w[1], 10, 64)
		uid, err2 := strconv.ParseUint(w[2], 10, 32)
		s, known := l.sent[id]
		switch {
		case err != nil || err2 != nil || !known:
		case uid == 0:
			delete(l.sent, id)
		default:
			s.UID, s.Confirmed = state.UID(uid), false
			l.sent[id] = s
		}
	case w[0] == "C" && len(w) == 2:
		id, err := strconv.ParseInt(w[1], 10, 64)
		if s, known := l.sent[id]; err == nil && known {
			s.Confirmed = true
			l.sent[id] = s
		}
	}
}

func lineSum(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// Sent returns what was sent to a mailbox with that UIDVALIDITY, in the order in which it was.
// So is what was sent while the mailbox had another one and never a message, for some servers
// number it anew once something is in it (GNU imap4d, and Courier where it was not opened for
// writing). That this is the same mailbox is not certain: such a message counts as one of which
// it is not known what became of it, and its bytes decide.
func (l *Ledger) Sent(raw string, uidValidity uint32) []state.Sent {
	var all []state.Sent
	for id := int64(1); id < l.next; id++ {
		s, ok := l.sent[id]
		switch {
		case !ok || s.Raw != raw:
			continue
		case s.UIDValidity == uidValidity:
		case s.UID == 0 && s.UIDNext == 1:
			s.Confirmed = false
		default:
			continue
		}
		all = append(all, s)
	}
	return all
}

// Intend adds what is about to be sent, durably, and gives each its ID.
func (l *Ledger) Intend(all []state.Sent) error {
	var b bytes.Buffer
	for i := range all {
		all[i].ID = l.next + int64(i)
		s := &all[i]
		line(&b, "S %d %d %d %d %x %s", s.ID, s.UIDValidity, s.UIDNext, s.Bytes, s.Digest, strconv.Quote(s.Raw))
	}
	if err := l.write(b.Bytes()); err != nil {
		return err
	}
	for _, s := range all {
		l.sent[s.ID] = s
	}
	l.next += int64(len(all))
	return nil
}

// Settle adds what became of what was intended, durably. Without a UID, one that is Confirmed was
// stored, and any other was not.
func (l *Ledger) Settle(all []state.Sent) error {
	var b bytes.Buffer
	for _, s := range all {
		if s.UID == 0 && s.Confirmed {
			line(&b, "C %d", s.ID)
		} else {
			line(&b, "U %d %d", s.ID, s.UID)
		}
	}
	if err := l.write(b.Bytes()); err != nil {
		return err
	}
	for _, s := range all {
		if s.UID == 0 && !s.Confirmed {
			delete(l.sent, s.ID)
			continue
		}
		if known, ok := l.sent[s.ID]; ok {
			known.UID, known.Confirmed = s.UID, s.Confirmed
			l.sent[s.ID] = known
		}
	}
	return nil
}

func line(b *bytes.Buffer, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	fmt.Fprintf(b, "%s %s\n", lineSum(text), text)
}

// write adds lines and makes them durable. What a crash cut off goes first.
func (l *Ledger) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if l.f == nil {
		if err := l.begin(); err != nil {
			return cannotWrite("write restore's record", err)
		}
	}
	_, err := l.f.Write(lines)
	if err == nil {
		err = l.f.Sync()
	}
	return cannotWrite("write restore's record", err)
}

func (l *Ledger) begin() error {
	f, err := os.OpenFile(l.path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = createFile(l.path)
	}
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	if l.good == 0 {
		_, _ = w.WriteString(ledgerHead) // its error is Flush's
	}
	err = f.Truncate(l.good)
	if err == nil {
		_, err = f.Seek(l.good, 0)
	}
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = syncDir(filepath.Dir(l.path))
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.f = f
	return nil
}

// Close closes the file. What was written is durable before.
func (l *Ledger) Close() error {
	if l.f == nil {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	return storageFault("close restore's record", err)
}
