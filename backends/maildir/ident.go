package maildir

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"path"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Ident returns what identifies a file's content without its digest: the Message-ID in
// it, and its size and date as its name tells them. Where the name does not, the octets
// that the server sent are counted, and the date is the mtime. Either may be none. A file that was renamed
// meanwhile is found by its identity; one that is gone is fs.ErrNotExist.
func (m *Maildir) Ident(name string) (id state.FileIdent, err error) {
	err = m.index.seen(name, func(name string, info disk.Info) error {
		id, err = m.ident(name, info)
		return err
	})
	return id, err
}

func (m *Maildir) ident(name string, info disk.Info) (state.FileIdent, error) {
	id := state.FileIdent{Size: -1, Date: mtimeDate(info), Mtime: true, Named: state.NoDate}
	p := partsOf(path.Base(name))
	if !p.ours {
		id.Named = namedDate(p.key)
	} else {
		id.Date, id.Mtime = state.DateOf(p.name.Date), false
		if p.name.OnDisk == info.Size {
			id.Size = p.name.Bytes
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

// SameText reports whether a received body, which still lies in tmp/, is the message that a file is but
// for its header: the Message-IDs are equal, and so is, to the last octet, all behind the first empty
// line. Where neither has a Message-ID, there has to be a text. With anyID the text alone decides, if
// there is one. fs.ErrNotExist says that the file is gone.
func (m *Maildir) SameText(name string, got state.Received, anyID bool) (bool, error) {
	old, err := m.Body(name, state.FormUnknown)
	if err != nil {
		return false, err
	}
	defer old.Close()
	tmp := m.at(path.Join(dirTmp, got.Tmp))
	file, err := m.fs.Open(tmp)
	if err != nil {
		return false, fault(err, "open %s", tmp)
	}
	defer file.Close()
	var fresh io.Reader = file
	if got.Form == state.FormLF {
		fresh = newExpander(file)
	}
	a, b := bufio.NewReaderSize(old, chunkSize), bufio.NewReaderSize(fresh, chunkSize)
	idA, okA, errA := header(a)
	idB, okB, errB := header(b)
	if err := errors.Join(errA, errB); err != nil || !okA || !okB || idA != idB && !anyID {
		return false, err
	}
	octets, same, err := equal(a, b)
	return same && (idA != "" && idA == idB || octets > 0), err
}

// equal reads both to their ends, and reports whether they are the same.
func equal(a, b io.Reader) (octets int64, same bool, err error) {
	x, y := make([]byte, chunkSize), make([]byte, chunkSize)
	for {
		n, lastA, errA := readChunk(a, x)
		k, lastB, errB := readChunk(b, y)
		octets += int64(n)
		if err := errors.Join(errA, errB); err != nil {
			return octets, false, err
		}
		if lastA != lastB || !bytes.Equal(x[:n], y[:k]) {
			return octets, false, nil
		}
		if lastA {
			return octets, true, nil
		}
	}
}
