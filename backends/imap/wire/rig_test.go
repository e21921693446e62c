package wire

import (
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	script "mailsync/internal/testkit/imapscript"
)

// rig is imapclient on a Conn on a scripted server.
type rig struct {
	t      *testing.T
	server *script.Server
	conn   *Conn
	client *imapclient.Client

	mu      sync.Mutex
	repairs []Repair
}

// newRig connects imapclient to a server that plays a session; the greeting with its
// capabilities is said first.
func newRig(t *testing.T, session string, o Options, vars ...script.Vars) *rig {
	t.Helper()
	const greeting = "S: * OK [CAPABILITY IMAP4rev1 CONDSTORE ESEARCH LITERAL+ NAMESPACE ID QUOTA SASL-IR LIST-EXTENDED LIST-STATUS UIDPLUS] hi\n"
	return newRigOn(t, script.New(t, script.Play(greeting+session, vars...)), o)
}

func newRigOn(t *testing.T, s *script.Server, o Options) *rig {
	t.Helper()
	r := &rig{t: t, server: s}
	o.Repaired = func(rep Repair) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.repairs = append(r.repairs, rep)
	}
	r.conn = New(s.Dial(), o)
	r.client = imapclient.New(r.conn, nil)
	t.Cleanup(func() { _ = r.client.Close() })
	if err := r.client.WaitGreeting(); err != nil {
		t.Fatal(err)
	}
	return r
}

// told returns what Repaired was told, one line each.
func (r *rig) told() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var sb strings.Builder
	for _, rep := range r.repairs {
		sb.WriteString(rep.What)
		if rep.Lost {
			sb.WriteString(" (lost)")
		}
		sb.WriteString("\n")
	}
	return sb.String()
}

// alive fails the test unless the connection still answers.
func (r *rig) alive() {
	r.t.Helper()
	if err := r.client.Noop().Wait(); err != nil {
		r.t.Fatalf("connection is gone: %v (%v)", err, r.conn.LastError())
	}
}

// fetched is what a test compares of a message.
type fetched struct {
	uid   imap.UID
	flags string
	body  string
	nilB  bool
	date  time.Time
	size  int64
}

// fetch collects a UID FETCH with bodies.
func (r *rig) fetch(set imap.UIDSet, o *imap.FetchOptions) ([]fetched, error) {
	cmd := r.client.Fetch(set, o)
	var out []fetched
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		var f fetched
		for item := msg.Next(); item != nil; item = msg.Next() {
			switch item := item.(type) {
			case imapclient.FetchItemDataUID:
				f.uid = item.UID
			case imapclient.FetchItemDataFlags:
				for _, flag := range item.Flags {
					f.flags += string(flag) + " "
				}
			case imapclient.FetchItemDataInternalDate:
				f.date = item.Time
			case imapclient.FetchItemDataRFC822Size:
				f.size = item.Size
			case imapclient.FetchItemDataBodySection:
				if f.nilB = item.Literal == nil; f.nilB {
					continue
				}
				b, err := io.ReadAll(item.Literal)
				if err != nil {
					<-r.client.Closed() // before that, imapclient's reader would still touch what draining touches
					_ = cmd.Close()
					return out, err
				}
				f.body += string(b)
			}
		}
		out = append(out, f)
	}
	return out, cmd.Close()
}

var bodies = &imap.FetchOptions{Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}}}
