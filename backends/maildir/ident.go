package maildir

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"
	"slices"
	"strings"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// maxHeader is how far into a file its Message-ID is looked for.
const maxHeader = 1 << 20

// Ident returns what identifies a file's content without its digest: the Message-ID in
// it, and its size and date as its name tells them. Where the name does not, the octets
// that the server sent are counted, and the date is the mtime. Either may be none. A file that was renamed
// meanwhile is found by its identity; one that is gone is fs.ErrNotExist.
func (m *Maildir) Ident(name string) (id state.FileIdent, err error) {
	err = m.index.following(name, func(name string, info disk.Info) error {
		id, err = m.ident(name, info)
		return err
	})
	return id, err
}

func (m *Maildir) ident(name string, info disk.Info) (state.FileIdent, error) {
	id := state.FileIdent{Size: -1, Date: mtimeDate(info), Mtime: true, Named: state.NoDate}
	key, _, _ := splitInfo(path.Base(name))
	n, ours := ParseName(key)
	if !ours {
		id.Named = namedDate(key)
	} else {
		id.Date, id.Mtime = state.DateOf(n.Date), false
		if n.OnDisk == info.Size {
			id.Size = n.Bytes
		}
	}
	if id.Size < 0 {
		got, err := m.Inspect(name, nil)
		if err != nil {
			return state.FileIdent{}, err
		}
		id.Size = got.Bytes
	}
	file, err := m.fs.Open(m.at(name))
	if err != nil {
		return state.FileIdent{}, fault(err, "open %s", m.at(name))
	}
	defer file.Close()
	in := bufio.NewReaderSize(io.LimitReader(file, maxHeader), lineSize)
	begin, _ := in.Peek(maxMagic) // what fails here fails below
	id.Packed = packed(begin)
	f, err := fieldsOf(in)
	if err != nil {
		return state.FileIdent{}, fault(err, "read %s", m.at(name))
	}
	id.MessageID, id.Received, id.Written = f.messageID, f.receivedDate(), state.ParseDate(f.sent)
	return id, nil
}

// lineSize is how much of a line of a header is looked at.
const lineSize = 16 << 10

// fields are what a header tells of its message.
type fields struct {
	messageID      string
	received, sent string // the first Received field, and Date
}

// The fields that are read, of each the first one.
var fieldNames = [...][]byte{[]byte("message-id"), []byte("received"), []byte("date")}

// fieldsOf reads a header. Values are unfolded (RFC 5322 section 2.2.3) and without outer blanks, "" where there
// is no such field.
func fieldsOf(in *bufio.Reader) (fields, error) {
	var values [len(fieldNames)][]byte
	var found [len(fieldNames)]bool
	current := -1
	for {
		line, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && err != io.EOF && !long {
			return fields{}, err
		}
		text := bytes.TrimRight(line, "\r\n")
		folded := len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
		ended := len(text) == 0
		switch {
		case ended:
		case folded && current >= 0:
			values[current] = append(values[current], text...)
		case !folded:
			current = -1
			field, rest, ok := bytes.Cut(text, []byte(":"))
			field = bytes.TrimRight(field, " \t")
			i := slices.IndexFunc(fieldNames[:], func(name []byte) bool { return bytes.EqualFold(name, field) })
			if ok && i >= 0 && !found[i] {
				current, found[i] = i, true
				values[i] = append(values[i], rest...)
			}
		}
		for long { // the rest of a line that nothing looked for is as long as
			_, err = in.ReadSlice('\n')
			long = errors.Is(err, bufio.ErrBufferFull)
		}
		if err != nil && err != io.EOF {
			return fields{}, err
		}
		if ended || err == io.EOF {
			trimmed := func(i int) string { return strings.TrimSpace(string(values[i])) }
			return fields{messageID: trimmed(0), received: trimmed(1), sent: trimmed(2)}, nil
		}
	}
}

// receivedDate is when the last server on its way took a message (RFC 5321 section 4.4).
func (f fields) receivedDate() int64 {
	i := strings.LastIndexByte(f.received, ';')
	if i < 0 {
		return state.NoDate
	}
	return state.ParseDate(f.received[i+1:])
}

// namedDate is the second at which a name says that its file was delivered: "1700000000.M1P2.host" as delivery
// programs write it, "1700000000_0.2.host" as OfflineIMAP does.
func namedDate(key string) int64 {
	digits, rest := leadingDigits(key)
	if len(digits) < 8 || len(digits) > 10 || rest == "" || rest[0] != '.' && rest[0] != '_' {
		return state.NoDate
	}
	seconds, _ := number(digits)
	return state.DateOf(seconds)
}

// messageID returns the Message-ID of a header as fieldsOf does.
func messageID(r io.Reader) (string, error) {
	f, err := fieldsOf(bufio.NewReaderSize(r, lineSize))
	return f.messageID, err
}
