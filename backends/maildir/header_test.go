package maildir

import (
	"bufio"
	"bytes"
	"strings"
	"testing"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

func TestHeaded(t *testing.T) {
	for text, want := range map[string]bool{
		"Subject: x\r\n\r\n":                         true,
		"X-UIDL:\r\n":                                true,
		"Received : by old mail\r\n":                 true,
		"From ada Thu Jan  1 1971\r\nSubject: x\r\n": true,
		">From ada\nSubject: x\n":                    true,
		"":                                           false,
		"\r\n":                                       false,
		"\r\nSubject: in the text\r\n":               false,
		"This message could not be fetched: sorry\r\n": false,
		": nothing\r\n":         false,
		"From ada\r\n":          false,
		"From ada":              false,
		"a\x00b: c\r\n":         false,
		"gr\xc3\xbc\xc3\x9fe:":  false,
		strings.Repeat("x", 99): false,
	} {
		if got := headed([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// texts is SameText done plainly: the Message-ID of the header, and what is behind the first empty line.
func texts(b []byte) (id string, text []byte, ok bool) {
	for at := 0; at < len(b); {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return "", nil, false
		}
		if len(bytes.TrimRight(b[at:at+i], "\r\n")) == 0 {
			f, _, err := fieldsOf(bufio.NewReaderSize(bytes.NewReader(b[:at]), chunkSize))
			return f.messageID, b[at+i+1:], err == nil
		}
		at += i + 1
	}
	return "", nil, false
}

// Whatever a file and a body are, in whatever form they lie on disk, they are one message only where
// Message-ID and text are equal to the last octet.
func FuzzSameText(f *testing.F) {
	long := "Message-ID: <1@x>\r\n" + strings.Repeat("X-Long: header\r\n", 9000)
	for _, s := range [][2]string{
		{"", ""}, {"a", "a"}, {"\r\n", "\r\n"}, {"Message-ID: <1>\r\n\r\n", "X-UID: 1\r\nMessage-ID: <1>\r\n\r\n"},
		{"Subject: x\r\n\r\ntext\r\n", "Subject: x\r\nStatus: RO\r\n\r\ntext\r\n"}, {"Subject: x\n\ntext\r\n", "Subject: x\r\n\r\ntext\r\n"},
		{"Subject: x\r\n\r\n", "Status: RO\r\n\r\n"}, {"a: b\r\n\r\ntext\r", "a: b\r\n\r\ntext\r\n"}, {"\r\r\n\r\nx", "\r\n\r\r\nx"},
		{long + "\r\ntext", "X-UID: 1\r\n" + long + "\r\ntext"}, {long + "\r\ntext", long + "\r\ntexts"},
	} {
		f.Add([]byte(s[0]), []byte(s[1]))
	}
	f.Fuzz(func(t *testing.T, file, body []byte) {
		mem := disktest.NewMem(disktest.MemOptions{})
		md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
		if err != nil {
			t.Fatal(err)
		}
		old, err := md.Receive(state.Incoming{UID: 1, Token: "x", Size: -1}, bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		place, err := md.Publish(old, &state.Keywords{})
		if err != nil {
			t.Fatal(err)
		}
		got, err := md.Receive(state.Incoming{UID: 1, Token: "x", Size: -1}, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if got.Headed != headed(body[:min(len(body), chunkSize)]) {
			t.Fatalf("%q: received as headed %v", body, got.Headed)
		}
		same, err := md.SameText(place.Name, got, false)
		if err != nil {
			t.Fatal(err)
		}
		idA, textA, okA := texts(file)
		idB, textB, okB := texts(body)
		want := okA && okB && idA == idB && bytes.Equal(textA, textB) && (idA != "" || len(textA) > 0)
		if len(file)-len(textA) > maxHeader/2 || len(body)-len(textB) > maxHeader/2 {
			return // a header of that length is not compared
		}
		if same != want {
			t.Fatalf("%q and %q: %v, want %v", file, body, same, want)
		}
	})
}
