package maildir

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"mailsync/state"
)

// maxHeader is how far into a file its Message-ID is looked for.
const maxHeader = 1 << 20

// headed reports whether bytes begin with a header field: a name of printable US-ASCII and a colon
// (RFC 5322 section 2.2). The line that mbox puts in front of a message is passed over.
func headed(p []byte) bool {
	if bytes.HasPrefix(p, []byte("From ")) || bytes.HasPrefix(p, []byte(">From ")) {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			return false
		}
		p = p[i+1:]
	}
	name, _, ok := bytes.Cut(p, []byte(":"))
	name = bytes.TrimRight(name, " \t") // as RFC 5322 section 4.5 lets old mail have it
	return ok && len(name) > 0 && bytes.IndexFunc(name, func(c rune) bool { return c <= ' ' || c >= 0x7f }) < 0
}

// header reads a header and the empty line behind it, and returns its Message-ID, as far as it lies
// within maxHeader octets. It is false where there is no such line.
func header(r *bufio.Reader) (id string, ok bool, err error) {
	var text []byte
	for begins := true; ; {
		line, err := r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return "", false, err
		}
		if begins && len(bytes.TrimRight(line, "\r\n")) == 0 {
			id, err = messageID(bytes.NewReader(text))
			return id, true, err
		}
		text = append(text, line[:min(len(line), maxHeader-len(text))]...)
		begins = err == nil
	}
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

// messageID returns the Message-ID of a header as fieldsOf does.
func messageID(r io.Reader) (string, error) {
	f, err := fieldsOf(bufio.NewReaderSize(r, lineSize))
	return f.messageID, err
}

// Some servers keep Maildir files compressed or encrypted, and read them back as they were. As they lie there, they
// are not what a server wants: no header can be read in them.

// packings are what such files begin with. Dovecot's zlib plugin writes the first four and bzip2, and lz4 in a
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
