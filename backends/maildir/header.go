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

// maxHeader is how far into a file its Message-ID is looked for, and the length of the longest value.
const maxHeader = 1 << 20

// headed reports whether bytes begin with a header field: a name of printable US-ASCII and a colon
// (RFC 5322 section 2.2). The line that mbox puts in front of a message is skipped.
func headed(p []byte) bool {
	if bytes.HasPrefix(p, []byte("From ")) || bytes.HasPrefix(p, []byte(">From ")) {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return false
		}
		p = p[i+1:]
	}
	name, _, ok := bytes.Cut(p, []byte(":"))
	name = bytes.TrimRight(name, " \t") // RFC 5322 section 4.5 allows it in old mail
	return ok && len(name) > 0 && bytes.IndexFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) < 0
}

// lineSize is how much of a line of a header is looked at.
const lineSize = 16 << 10

// fields are the fields of a header that are read.
type fields struct {
	messageID      string
	received, sent string // the first Received field, and Date
}

// The fields that are read, of each the first one.
var fieldNames = [...][]byte{[]byte("message-id"), []byte("received"), []byte("date")}

// fieldsOf reads a header and the empty line behind it, and reports whether there is such a line. Values are
// unfolded (RFC 5322 section 2.2.3) and without outer blanks, "" where there is no such field.
func fieldsOf(in *bufio.Reader) (f fields, ended bool, err error) {
	var values [len(fieldNames)][]byte
	var found [len(fieldNames)]bool
	current := -1
	for !ended && err == nil {
		var line []byte
		line, err = in.ReadSlice('\n')
		long := errors.Is(err, bufio.ErrBufferFull)
		text := bytes.TrimRight(line, "\r\n")
		folded := len(text) > 0 && (text[0] == ' ' || text[0] == '\t')
		switch {
		case len(text) == 0:
			ended = err == nil
		case folded && current >= 0:
			values[current] = append(values[current], text[:min(len(text), maxHeader-len(values[current]))]...)
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
		for long { // the rest of the line: no value is that long
			_, err = in.ReadSlice('\n')
			long = errors.Is(err, bufio.ErrBufferFull)
		}
	}
	if err != nil && err != io.EOF {
		return fields{}, false, err
	}
	trimmed := func(i int) string { return strings.TrimSpace(string(values[i])) }
	return fields{messageID: trimmed(0), received: trimmed(1), sent: trimmed(2)}, ended, nil
}

// receivedDate is when the last server on its way took a message (RFC 5321 section 4.4).
func (f fields) receivedDate() int64 {
	i := strings.LastIndexByte(f.received, ';')
	if i < 0 {
		return state.NoDate
	}
	return state.ParseDate(f.received[i+1:])
}

// packings are what files begin with that some servers keep compressed or encrypted. No header can be read in
// them, and no other server takes them as they are. Dovecot's zlib plugin writes the first four and bzip2, and lz4 in a
// frame of its own; its mail_crypt plugin writes the last.
var packings = []struct{ magic, name string }{
	{"\x1f\x8b", "gzip"}, {"\xfd7zXZ\x00", "xz"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"\x04\x22\x4d\x18", "lz4"},
	{"Dovecot-LZ4\x0d\x2a\x9b\xc5", "lz4"}, {"\x1f\x9d", "compress"}, {"CRYPTED\x03\x07", "mail_crypt"},
}

// maxMagic is the length of the longest magic.
const maxMagic = 15

// packed returns how a file is compressed or encrypted that begins so, "" for one that is not.
func packed(begin []byte) string {
	for _, p := range packings {
		if bytes.HasPrefix(begin, []byte(p.magic)) {
			return p.name
		}
	}
	if len(begin) >= 10 && string(begin[:3]) == "BZh" && string(begin[4:10]) == "1AY&SY" { // behind a digit
		return "bzip2"
	}
	return ""
}

// Ident returns what identifies a file's content without its digest: the Message-ID in
// it, and size and date from its name. Where the name lacks them, the octets that the
// server sent are counted, and the date is the mtime. A file that was renamed
// meanwhile is found by its identity; for one that is gone the error is fs.ErrNotExist.
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
	begin, _ := in.Peek(maxMagic) // an error occurs again below
	id.Packed = packed(begin)
	f, _, err := fieldsOf(in)
	if err != nil {
		return state.FileIdent{}, fault(err, "read %s", m.at(name))
	}
	id.MessageID, id.Received, id.Written = f.messageID, f.receivedDate(), state.ParseDate(f.sent)
	return id, nil
}

// namedDate is the second of delivery in a name: "1700000000.M1P2.host" as delivery
// programs write it, "1700000000_0.2.host" as OfflineIMAP does.
func namedDate(key string) int64 {
	digits, rest := leadingDigits(key)
	if len(digits) < 8 || len(digits) > 10 || rest == "" || rest[0] != '.' && rest[0] != '_' {
		return state.NoDate
	}
	seconds, _ := number(digits)
	return state.DateOf(seconds)
}

// SameText reports whether a received body, which is still in tmp/, and a file are the same message but
// for the header: the Message-IDs are equal, and so is, to the last octet, all behind the first empty
// line. Where neither has a Message-ID, there has to be a text. With anyID the text alone decides, if
// there is one. If the file is gone the error is fs.ErrNotExist.
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
	fieldsA, okA, errA := fieldsOf(a)
	fieldsB, okB, errB := fieldsOf(b)
	idA, idB := fieldsA.messageID, fieldsB.messageID
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
