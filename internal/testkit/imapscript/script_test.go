package imapscript

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

func client(t *testing.T, s *Server) *imapclient.Client {
	t.Helper()
	c := imapclient.New(s.Dial(), nil)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestHealthyServesAWholeSession(t *testing.T) {
	acct := NewAccount()
	box := acct.Add("Work/2024", "one\r\n", "two\r\n", "three\r\n")
	box.Messages[1].Flags = []string{`\Seen`}
	s := Every(t, Healthy(acct, nil))
	c := client(t, s)
	if err := c.Login("ada", "secret").Wait(); err != nil {
		t.Fatal(err)
	}
	list, err := c.List("", "*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true, UIDNext: true, HighestModSeq: true}}).Collect()
	if err != nil || len(list) != 2 || *list[1].Status.NumMessages != 3 || list[1].Status.UIDNext != 4 {
		t.Fatalf("list: %v %+v", err, list)
	}
	sel, err := c.Select("Work/2024", &imap.SelectOptions{ReadOnly: true, CondStore: true}).Wait()
	if err != nil || sel.NumMessages != 3 || sel.UIDNext != 4 || sel.HighestModSeq != box.ModSeq {
		t.Fatalf("select: %v %+v", err, sel)
	}
	found, err := c.UIDSearch(&imap.SearchCriteria{}, &imap.SearchOptions{ReturnAll: true}).Wait()
	if err != nil || found.All.String() != "1:3" {
		t.Fatalf("search: %v %v", err, found.All)
	}
	all := imap.UIDSet{{Start: 1, Stop: 0}}
	msgs, err := c.Fetch(all, &imap.FetchOptions{Flags: true, InternalDate: true, RFC822Size: true,
		BodySection: []*imap.FetchItemBodySection{{Peek: true}}}).Collect()
	if err != nil || len(msgs) != 3 {
		t.Fatalf("fetch: %v, %d messages", err, len(msgs))
	}
	if got := string(msgs[2].BodySection[0].Bytes); got != "three\r\n" || msgs[2].RFC822Size != 7 {
		t.Errorf("third message is %q of %d octets", got, msgs[2].RFC822Size)
	}
	if _, err := c.Select("Work/2024", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	echo, err := c.Store(imap.UIDSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Collect()
	if err != nil || len(echo) != 1 || !slices.Contains(echo[0].Flags, imap.FlagDeleted) {
		t.Fatalf("store: %v %+v", err, echo)
	}
	gone, err := c.UIDExpunge(imap.UIDSetNum(1)).Collect()
	if err != nil || !slices.Equal(gone, []uint32{1}) || box.Message(1) != nil {
		t.Errorf("expunge: %v %v", err, gone)
	}
	if err := c.Logout().Wait(); err != nil {
		t.Error(err)
	}
	if cmds := s.Commands(); cmds[0] != `LOGIN "ada" "secret"` || cmds[len(cmds)-1] != "LOGOUT" {
		t.Errorf("recorded %q", cmds)
	}
}

func TestHealthyAnswersMayBeReplaced(t *testing.T) {
	acct := NewAccount()
	s := New(t, Healthy(acct, Answers{"NOOP": func(p *Peer, cmd Command) bool {
		p.Send("$tag NO [ALERT] not today")
		return true
	}}))
	c := client(t, s)
	if err := c.Login("ada", "secret").Wait(); err != nil {
		t.Fatal(err)
	}
	var no *imap.Error
	if err := c.Noop().Wait(); !errors.As(err, &no) || no.Code != "ALERT" {
		t.Errorf("NOOP: %v", err)
	}
}

// complaints is a test that remembers its failures instead of failing.
type complaints struct {
	testing.TB
	said chan string
}

func (c complaints) Helper() {}
func (c complaints) Errorf(format string, args ...any) {
	c.said <- fmt.Sprintf(format, args...)
}

func TestAnUnexpectedScriptFailsTheTest(t *testing.T) {
	for _, tt := range []struct{ name, script, send, want string }{
		{"another command", "S: * OK hi\nC: NOOP", "a LOGOUT\r\n", `client sent "LOGOUT", expected "NOOP"`},
		{"a command too many", "S: * OK hi", "a NOOP\r\n", "after the end of the script"},
		{"the client goes early", "S: * OK hi\nC: NOOP", "", "expected the command NOOP"},
		{"a turn that is none", "S: * OK hi\nQ: what", "", "cannot read the turn"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			said := complaints{t, make(chan string, 8)}
			s := New(said, Play(tt.script))
			conn := s.Dial()
			if _, err := io.WriteString(conn, tt.send); err != nil {
				t.Fatal(err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			if got := <-said.said; !strings.Contains(got, tt.want) {
				t.Errorf("said %q, want %q", got, tt.want)
			}
			s.Close()
		})
	}
}

func TestPlaySendsWhatItIsTold(t *testing.T) {
	s := New(t, Play(`
		S. * OK hi
		C: LOGIN * secret
		S: $tag OK ${word} @{body}
		S= "raw\x00" "\n"
		X: reset`, Vars{"word": "in", "body": "a\r\nb"}))
	conn := s.Dial()
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || line != "* OK hi\r\n" {
		t.Fatalf("greeting %q, %v", line, err)
	}
	if _, err := io.WriteString(conn, "x1 login ada secret\r\n"); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(r)
	if want := "x1 OK in {4}\r\na\r\nb\r\nraw\x00\n"; !strings.HasPrefix(want, string(rest)) {
		t.Errorf("got %q", rest)
	}
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ended with %v", err)
	}
}

func TestCutAfterEndsInTheMiddle(t *testing.T) {
	s := New(t, func(p *Peer) {
		p.CutAfter(5)
		p.Send("* OK a long greeting")
		t.Error("the handler went on after the cut")
	})
	got, err := io.ReadAll(s.Dial())
	if string(got) != "* OK " || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
