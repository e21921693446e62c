package maildir

import "bytes"

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
