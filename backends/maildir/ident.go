package maildir

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"
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
	err = m.following(name, func(name string, info disk.Info) error {
		id, err = m.ident(name, info)
		return err
	})
	return id, err
}

func (m *Maildir) ident(name string, info disk.Info) (state.FileIdent, error) {
	id := state.FileIdent{Size: -1, Date: mtimeDate(info)}
	key, _, _ := splitInfo(path.Base(name))
	if n, ours := ParseName(key); ours {
		id.Date = state.DateOf(n.Date)
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
	id.MessageID, err = messageID(io.LimitReader(file, maxHeader))
	if err != nil {
		return state.FileIdent{}, fault(err, "read %s", m.at(name))
	}
	return id, nil
}

var messageIDField = []byte("message-id")

// messageID returns the value of the first Message-ID field of a header, unfolded (RFC
// 5322 section 2.2.3) and without outer blanks; "" where there is none.
func messageID(r io.Reader) (string, error) {
	in := bufio.NewReaderSize(r, 16<<10)
	var value []byte
	for found := false; ; {
		line, err := in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && err != io.EOF && !long {
			return "", err
		}
		text := bytes.TrimRight(line, "\r\n")
		folded := len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
		switch {
		case found && folded:
			value = append(value, text...)
		case found || len(text) == 0:
			return strings.TrimSpace(string(value)), nil
		default:
			field, rest, ok := bytes.Cut(text, []byte(":"))
			if found = ok && bytes.EqualFold(bytes.TrimRight(field, " \t"), messageIDField); found {
				value = append(value, rest...)
			}
		}
		for long { // the rest of a line that no Message-ID is as long as
			_, err = in.ReadSlice('\n')
			long = errors.Is(err, bufio.ErrBufferFull)
		}
		if err != nil {
			if err != io.EOF {
				return "", err
			}
			return strings.TrimSpace(string(value)), nil
		}
	}
}
