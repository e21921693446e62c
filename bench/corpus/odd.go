package corpus

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// HugeLine is how long the line of the odd message "one huge line" is, in octets.
const HugeLine = 10 << 20

// Odd returns one message of each odd kind, in a fixed order, with names that are
// unique. Some hold bare CR, bare LF or NUL, which a server may refuse to store or
// change when it does: compare with what the server then has.
func Odd() []Message {
	var all []Message
	for i, list := range [][]odd{oddBytes(), oddHeaders(), oddStructures()} {
		for _, o := range list {
			n := len(all)
			m := Message{Name: o.name, Raw: []byte(o.raw), Date: newest.Add(-time.Duration(n*37) * time.Hour)}
			if (i+n)%2 == 0 {
				m.Flags = []string{`\Seen`}
			}
			all = append(all, m)
		}
	}
	return all
}

type odd struct{ name, raw string }

const head = "From: a@example.org\r\nTo: b@example.org\r\nSubject: odd\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n"

// oddBytes are odd in their line ends and octets.
func oddBytes() []odd {
	every := make([]byte, 0, 255)
	for c := 1; c < 256; c++ {
		if c != '\r' && c != '\n' {
			every = append(every, byte(c))
		}
	}
	return []odd{
		{"empty", ""},
		{"one octet", "x"},
		{"one line end", "\r\n"},
		{"only line ends", strings.Repeat("\r\n", 50)},
		{"only blanks", "   \t  "},
		{"only LF", "\n"},
		{"only CR", "\r"},
		{"bare LF", strings.ReplaceAll(head, "\r\n", "\n") + "\nbody\nwith bare LF\n"},
		{"bare LF in one line", head + "\r\none\ntwo\r\nthree\r\n"},
		{"LF first, then CRLF", "Subject: x\n\r\nbody\r\n"},
		{"bare CR", head + "\r\none\rtwo\r\nthree\r\n"},
		{"CR before CRLF", head + "\r\none\r\r\ntwo\r\r\r\n\r\n"},
		{"CR at the end", head + "\r\nlast\r"},
		{"LF CR", head + "\r\none\n\rtwo\n\r"},
		{"NUL", head + "\r\nbefore\x00after\r\n\x00\r\n"},
		{"NUL in a header", "Subject: a\x00b\r\n\r\nbody\r\n"},
		{"no last line end", head + "\r\nthe end is missing"},
		{"no last line end, LF", "Subject: x\n\nthe end is missing"},
		{"blank lines at the end", head + "\r\nbody\r\n\r\n\r\n\r\n"},
		{"every octet", head + "\r\n" + string(every) + "\r\n"},
		{"byte order mark", "\xef\xbb\xbf" + head + "\r\nbody\r\n"},
		{"one huge line", head + "\r\n" + strings.Repeat("0123456789abcdef", HugeLine/16) + "\r\n"},
		{"many short lines", head + "\r\n" + strings.Repeat("a\r\n", 100_000)},
		{"dots", head + "\r\n.\r\n..\r\n...\r\n.x\r\n\r\n.\r\n"},
		{"ends with a dot", head + "\r\nlast line\r\n."},
		{"LF dot LF", head + "\r\none\n.\ntwo\r\n"},
		{"looks like IMAP", head + "\r\n)\r\nt1 OK FETCH completed\r\n* 1 EXPUNGE\r\n* BYE\r\n{5}\r\n{5+}\r\nhello BODY[] {3}\r\n"},
		{"looks like POP3", head + "\r\n+OK\r\n-ERR no such message\r\n.\r\n+OK bye\r\n"},
		{"Ctrl-Z and form feed", head + "\r\na\x1ab\x0c\r\n\x1b[2J\r\n"},
	}
}

// oddHeaders are odd in their headers.
func oddHeaders() []odd {
	same := "Message-ID: <same@example.org>\r\n"
	return []odd{
		{"no header", "\r\nonly a body\r\n"},
		{"no body", head + "\r\n"},
		{"no blank line", head},
		{"a header line without a colon", "this is no header\r\n" + head + "\r\nbody\r\n"},
		{"folded first line", " folded: yes\r\n" + head + "\r\nbody\r\n"},
		{"8-bit header in UTF-8", "Subject: Grüße aus Zürich ☃\r\nFrom: Jürgen <j@example.org>\r\n\r\nbody\r\n"},
		{"8-bit header in Latin-1", "Subject: Gr\xfc\xdfe\r\nFrom: J\xfcrgen <j@example.org>\r\n\r\nb\xf6dy\r\n"},
		{"broken UTF-8", "Subject: \xc3\x28 \xf0\x28\x8c\x28\r\n\r\n\xff\xfe\r\n"},
		{"UTF-8 addresses", "From: 用户@例え.jp\r\nTo: δοκιμή@παράδειγμα.ελ\r\n\r\nbody\r\n"},
		{"broken encoded words", "Subject: =?utf-8?q?=ZZ?= =?x?y?z?= =?utf-8?b?!!!?=\r\n\r\nbody\r\n"},
		{"From_ line", "From a@example.org Thu Jan  1 00:00:00 2026\r\n" + head + "\r\nbody\r\n"},
		{">From_ lines", head + "\r\nFrom here on\r\n>From here on\r\n>>From here on\r\n"},
		{"a mailbox of messages", "From a Thu Jan  1 00:00:00 2026\nSubject: 1\n\none\n\nFrom b Thu Jan  1 00:00:00 2026\nSubject: 2\n\ntwo\n"},
		{"a very long header line", "Subject: " + strings.Repeat("very long ", 20_000) + "\r\n\r\nbody\r\n"},
		{"a very long folded header", "References: " + strings.Repeat("<a-message-id@example.org>\r\n\t", 5_000) + "<x@y>\r\n\r\nbody\r\n"},
		{"very many headers", strings.Repeat("X-Header: value\r\n", 10_000) + "\r\nbody\r\n"},
		{"no date", "From: a@example.org\r\nSubject: no date\r\n\r\nbody\r\n"},
		{"a date that is none", "Date: next Tuesday, 25:61\r\nSubject: x\r\n\r\nbody\r\n"},
		{"the same Message-ID, 1", head + same + "\r\nfirst\r\n"},
		{"the same Message-ID, 2", head + same + "\r\nsecond, another\r\n"},
		{"the same message, 1", head + same + "\r\ntwice\r\n"},
		{"the same message, 2", head + same + "\r\ntwice\r\n"},
		{"three Message-IDs", same + same + "Message-ID:\r\n" + head + "\r\nbody\r\n"},
		{"an unfinished Message-ID", "Message-ID: <unfinished\r\n" + head + "\r\nbody\r\n"},
		{"a header of ours", "X-Mailsync: 1\r\nStatus: RO\r\nX-UID: 7\r\nX-Keywords: a b\r\n\r\nbody\r\n"},
	}
}

// oddStructures are odd in their MIME structure.
func oddStructures() []odd {
	const mixed = head + "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
	return []odd{
		{"boundary never comes", mixed + "no part at all\r\n"},
		{"boundary never ends", mixed + "--b\r\n\r\nfirst\r\n--b\r\n\r\nsecond\r\n"},
		{"boundary without its line end", mixed + "--b\r\n\r\nfirst\r\n--b--"},
		{"no boundary parameter", head + "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n"},
		{"empty boundary", head + "Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\nx\r\n----\r\n"},
		{"a boundary that starts another", mixed + "--b\r\nContent-Type: multipart/mixed; boundary=\"bb\"\r\n\r\n--bb\r\n\r\nx\r\n--bb--\r\n--b--\r\n"},
		{"nested multiparts", nested(60)},
		{"nested messages", strings.Repeat(head+"Content-Type: message/rfc822\r\n\r\n", 60) + head + "\r\ninnermost\r\n"},
		{"very many parts", mixed + strings.Repeat("--b\r\n\r\nx\r\n", 2_000) + "--b--\r\n"},
		{"empty parts", mixed + strings.Repeat("--b\r\n", 20) + "--b--\r\n"},
		{"a type that is none", head + "Content-Type: ;;;=\"\r\nContent-Transfer-Encoding: x-what\r\n\r\nbody\r\n"},
		{"a cut message/rfc822", head + "Content-Type: message/rfc822\r\n\r\nSubject: cu"},
		{"broken base64", head + "Content-Transfer-Encoding: base64\r\n\r\n!!!!\r\nAAA\r\n=\r\n"},
		{"binary part", mixed + "--b\r\nContent-Transfer-Encoding: binary\r\n\r\n\x01\x02\xff\xfe\r\n--b--\r\n"},
		{"signed, with blanks at line ends", head + "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nblank at the end \t\r\n--b\r\n\r\nsignature\r\n--b--\r\n"},
	}
}

func nested(depth int) string {
	var open strings.Builder
	open.WriteString(head)
	for i := range depth {
		fmt.Fprintf(&open, "Content-Type: multipart/mixed; boundary=\"b%[1]d\"\r\n\r\n--b%[1]d\r\n", i)
	}
	open.WriteString("\r\ninnermost\r\n")
	for i := range depth {
		fmt.Fprintf(&open, "--b%d--\r\n", depth-1-i)
	}
	return open.String()
}

// Plain reports whether a message can be sent to any server and come back the same: it
// holds no NUL, every LF has its CR, and every CR its LF.
func (m Message) Plain() bool {
	if len(m.Raw) == 0 || slices.Contains(m.Raw, 0) {
		return false
	}
	rest := bytes.ReplaceAll(m.Raw, []byte("\r\n"), nil)
	return !bytes.ContainsAny(rest, "\r\n")
}
