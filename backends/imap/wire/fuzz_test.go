package wire

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
)

// canned is a connection from which some octets come, in small pieces, and then EOF.
type canned struct {
	net.Conn
	data  []byte
	piece int
}

func (c *canned) Read(b []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), max(1, c.piece))], c.data)
	c.data = c.data[n:]
	return n, nil
}

func (c *canned) Write(b []byte) (int, error)      { return len(b), nil }
func (c *canned) Close() error                     { return nil }
func (c *canned) SetReadDeadline(time.Time) error  { return nil }
func (c *canned) SetWriteDeadline(time.Time) error { return nil }

// hung panics where the caller does not end, for the fuzzer takes no notice of that: it
// then keeps the input. It returns what ends its watch.
func hung(input any) (ended func() bool) {
	return time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("it hangs on %q", input)) }).Stop
}

const underWay = "T1 EXAMINE box\r\nT2 UID FETCH 5:9 (UID FLAGS BODY.PEEK[])\r\nT3 UID SEARCH RETURN (ALL) ALL\r\n" +
	"T4 LIST \"\" *\r\nT5 NOOP\r\n"

var small = Options{MaxLine: 1 << 14, MaxLiteral: 1 << 10, MaxHeld: 1 << 12}

// through returns what a client reads of a server's octets while some commands are
// under way, and how it ends.
func through(t *testing.T, data []byte, piece int) ([]byte, error) {
	defer hung(data)()
	c := New(&canned{data: data, piece: piece}, small)
	if _, err := io.WriteString(c, underWay); err != nil {
		t.Fatal(err)
	}
	var out []byte
	buf := make([]byte, 100)
	for {
		n, err := c.Read(buf)
		out = append(out, buf[:n]...)
		if err != nil {
			return out, err
		}
	}
}

const wellFormed = "* OK [CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN] Dovecot ready.\r\n" +
	"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded)\r\n" +
	"* OK [PERMANENTFLAGS (\\Answered \\Seen $Junk \\*)] Flags permitted.\r\n" +
	"* 3 EXISTS\r\n* 0 RECENT\r\n* OK [UNSEEN 2] First unseen.\r\n* OK [UIDVALIDITY 1795449338] UIDs valid\r\n" +
	"* OK [UIDNEXT 4] Predicted next UID\r\n* OK [HIGHESTMODSEQ 18446744073] Highest\r\n* OK [NOMODSEQ] none (really)\r\n" +
	"T1 OK [READ-ONLY] Examine completed (0.001 + 0.000 secs).\r\n" +
	"* 1 FETCH (UID 5 FLAGS (\\Seen $Forwarded) INTERNALDATE \" 2-Jan-2024 03:04:05 +0000\" RFC822.SIZE 8 BODY[] {8}\r\na\r\n{3}\r\n)\r\n" +
	"* 2 FETCH (UID 6 FLAGS () BODY[] {2}\r\n)( FLAGS (\\Draft))\r\n" +
	"* 3 FETCH (FLAGS (\\Seen) UID 8 BODY[] NIL)\r\n* 3 FETCH (FLAGS (\\Seen))\r\n" +
	"T2 OK Fetch completed.\r\nT3 OK done\r\nT4 OK done\r\n* 2 EXPUNGE\r\n* CAPABILITY IMAP4rev1 IDLE\r\n" +
	"* BYE [UNAVAILABLE] Logging (out)\r\nT5 NO [OVERQUOTA] [x] Quota exceeded\r\n"

// unasked are answers to commands that are not the client's.
const unasked = "* OK hi\r\n* SEARCH 2 5 9 (MODSEQ 917162500)\r\n* ESEARCH (TAG \"T3\") UID MIN 2 ALL 2,10:11 COUNT 3 MODSEQ 9\r\n" +
	"* LIST (\\HasNoChildren \\Sent) \"/\" \"Gesch&AOQ-ft\"\r\n* LIST () NIL INBOX (\"CHILDINFO\" (\"SUBSCRIBED\") \"X\" y)\r\n" +
	"* LIST () \"/\" {7}\r\na \"b\" c\r\n* STATUS \"Gesch&AOQ-ft\" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 9 HIGHESTMODSEQ 5 SIZE 99 MAILBOXID (F2212))\r\n" +
	"* ENABLED CONDSTORE\r\n* ID (\"name\" \"Dovecot\")\r\n* ID NIL\r\n* VANISHED (EARLIER) 41,43:116\r\n" +
	"* NAMESPACE ((\"\" \"/\")) NIL ((\"#shared/\" \"/\")(\"x\" NIL))\r\n* QUOTAROOT INBOX \"User quota\"\r\n" +
	"* QUOTA \"User quota\" (STORAGE 0 10240 MESSAGE 1 20000)\r\nT5 OK done\r\n"

func TestAnswersThatTheClientDoesNotAskForAreDropped(t *testing.T) {
	for _, piece := range []int{1, 7, 1 << 16} {
		got, err := through(t, []byte(unasked), piece)
		if want := "* OK hi\r\nT5 OK done\r\n"; err != io.EOF || string(got) != want {
			t.Errorf("pieces of %d: %q, %v", piece, got, err)
		}
	}
}

func TestAWellFormedSessionPassesUnchanged(t *testing.T) {
	for _, piece := range []int{1, 7, 1 << 16} {
		got, err := through(t, []byte(wellFormed), piece)
		if err != io.EOF {
			t.Errorf("pieces of %d: ended with %v", piece, err)
		}
		gotLines, wantLines := bytes.Split(got, []byte("\n")), bytes.Split([]byte(wellFormed), []byte("\n"))
		for i := range min(len(gotLines), len(wantLines)) {
			if !bytes.Equal(gotLines[i], wantLines[i]) {
				t.Fatalf("pieces of %d: line %d became\n%q from\n%q", piece, i, gotLines[i], wantLines[i])
			}
		}
		if len(got) != len(wellFormed) {
			t.Errorf("pieces of %d: %d octets became %d", piece, len(wellFormed), len(got))
		}
	}
}

func addSeeds(f *testing.F) {
	f.Add([]byte(wellFormed), byte(5))
	f.Add([]byte(unasked), byte(9))
	for _, s := range []string{
		"* OK hi\r\n* 1 FETCH (FLAGS NIL BODY[] {2}\r\nhi UID 7)\r\n",
		"* OK hi\r\n* 1 FETCH (BODY[] ~{2+}\nhi X {3}\r\na\"b FLAGS (\"a\" \xc3\xa9 {1}\r\nx) UID 7 ) \r\n",
		"* OK hi\r\n* 1 FETCH (UID 7 RFC822 {3}\r\nabc BODY[HEADER.FIELDS (\"x\")]<0.5> \"q\" INTERNALDATE NIL RFC822.SIZE -1 MODSEQ 7)\r\n",
		"* OK [CAPABILITY (x] y\r\n* CAPABILITY (\r\n* OK [FOO\r\n* LIST NIL \"\" a&b\r\n* STATUS a (X (Y) MESSAGES -1)\r\n",
		"* OK hi\r\n* ESEARCH (TAG \"T3\") UID ALL 9:1,3\r\n* SEARCH 3 1 2\r\n* VANISHED (EARLIER) 1:4294967295\r\n+ x\r\n\r\n* ID (NIL \"x\")\r\n",
		"* OK hi\r\n*0 FETCH(BODY[0 (\"0\")] 0)\n*0 FETCH(BODY[]{1} 0 UID 7)\n",
		"* OK hi\r\n* QUOTA x\r\n* NAMESPACE nil ((\"x\" \"\")) NIL\r\n* LIST (\\A {1}\r\nb) \"\\\\\" {3}\r\na\r\n (\"OLDNAME\" (\"x\"))\r\n",
	} {
		f.Add([]byte(s), byte(3))
	}
}

// What a client reads is as imapclient wants it, so reading it again changes nothing;
// and it is not much longer than what came.
func FuzzRepairedOnceIsRepaired(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, piece byte) {
		once, err := through(t, data, int(piece))
		if len(once) > 4*len(data)+100 {
			t.Fatalf("%d octets became %d", len(data), len(once))
		}
		whole, werr := through(t, data, 1<<16)
		if !bytes.Equal(once, whole) || (err == io.EOF) != (werr == io.EOF) {
			t.Fatalf("the pieces matter:\n%q %v\n%q %v", once, err, whole, werr)
		}
		if err != io.EOF {
			return // broken: there is no end to compare
		}
		twice, err := through(t, once, int(piece))
		if err != io.EOF || !bytes.Equal(once, twice) {
			t.Fatalf("repaired twice (%v):\n%q became\n%q from\n%q", err, once, twice, data)
		}
	})
}

// Whatever comes, imapclient ends only because the connection does.
func FuzzImapclientReadsWhatIsRepaired(f *testing.F) {
	addSeeds(f)
	f.Fuzz(func(t *testing.T, data []byte, piece byte) {
		defer hung(data)()
		o := small
		o.Greeting = "* OK [CAPABILITY IMAP4rev1] hi"
		c := New(&canned{data: data, piece: int(piece)}, o)
		client := imapclient.New(c, nil)
		<-client.Closed()
		// A Conn that broke says why; one that imapclient closed by itself does not.
		if err := client.Close(); err != nil && c.LastError() == nil {
			t.Fatalf("imapclient: %v\nfrom %q", err, data)
		}
	})
}

// Whatever the client says in whatever pieces goes out as it is, or not at all.
func FuzzWritePassesCommands(f *testing.F) {
	f.Add([]byte("T1 LOGIN {3}\r\nada {6+}\r\nsecret\r\nT2 AUTHENTICATE PLAIN\r\nAGFkYQBzZWNyZXQ=\r\n"), byte(3))
	f.Add([]byte(underWay), byte(1))
	f.Fuzz(func(t *testing.T, data []byte, piece byte) {
		defer hung(data)()
		under := &sink{}
		c := New(under, Options{})
		for rest := data; len(rest) > 0; {
			n := min(len(rest), max(1, int(piece)))
			if _, err := c.Write(rest[:n]); err != nil {
				return
			}
			rest = rest[n:]
		}
		if under.got+string(c.out.line) != string(data) {
			t.Fatalf("sent %q and kept %q of %q", under.got, c.out.line, data)
		}
	})
}
