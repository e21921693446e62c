// Package demo has what "mailsync demo" syncs: an IMAP and a POP3 server in memory, on loopback,
// for one user, and their mail. It is part of the program, so that anybody can try it without a
// server. Tests of commands use it too.
package demo

import (
	"bytes"
	"io"
	"log"
	"net"
	"strconv"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// The one user of both servers.
const (
	User     = "ada"
	Password = "analytical-engine"
)

// Sample is one message on the IMAP server.
type Sample struct {
	Mailbox string
	Date    time.Time
	Flags   []imap.Flag
	Text    []byte
}

// IMAP is an IMAP server in memory, on loopback.
type IMAP struct {
	Port      int
	Mailboxes []string // as they were made
	Messages  int      // at the start

	server *imapserver.Server
	user   *imapmemserver.User
}

// StartIMAP starts a server that has the samples and their mailboxes.
func StartIMAP(samples []Sample) (*IMAP, error) {
	d := &IMAP{user: imapmemserver.NewUser(User, Password), Messages: len(samples)}
	known := map[string]bool{}
	for _, s := range samples {
		if !known[s.Mailbox] {
			known[s.Mailbox] = true
			d.Mailboxes = append(d.Mailboxes, s.Mailbox)
			if err := d.user.Create(s.Mailbox, nil); err != nil {
				return nil, err
			}
		}
		if err := d.Deliver(s); err != nil {
			return nil, err
		}
	}
	memory := imapmemserver.New()
	memory.AddUser(d.user)
	d.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return memory.NewSession(), nil, nil
		},
		Caps: imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}},
		// Both ends are in this very process.
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0),
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	d.Port = listener.Addr().(*net.TCPAddr).Port
	go func() { _ = d.server.Serve(listener) }() // until Close
	return d, nil
}

// Close ends the server.
func (d *IMAP) Close() { _ = d.server.Close() } // everything it had is in memory

// Deliver puts a message into a mailbox.
func (d *IMAP) Deliver(s Sample) error {
	_, err := d.user.Append(s.Mailbox, literal{bytes.NewReader(s.Text)}, &imap.AppendOptions{Time: s.Date, Flags: s.Flags})
	return err
}

// literal is a message as the server takes it.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Change does what a phone and other people do between two syncs: two messages of INBOX are read,
// a third is flagged, and a new one arrives.
func (d *IMAP) Change() error {
	phone, err := imapclient.DialInsecure(net.JoinHostPort("127.0.0.1", strconv.Itoa(d.Port)), nil)
	if err != nil {
		return err
	}
	defer phone.Close()
	if err := phone.Login(User, Password).Wait(); err != nil {
		return err
	}
	if _, err := phone.Select("INBOX", nil).Wait(); err != nil {
		return err
	}
	for flag, uids := range map[imap.Flag]imap.UIDSet{
		imap.FlagSeen:    imap.UIDSetNum(5, 6),
		imap.FlagFlagged: imap.UIDSetNum(2),
	} {
		change := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{flag}}
		if err := phone.Store(uids, change, nil).Close(); err != nil {
			return err
		}
	}
	if err := phone.Logout().Wait(); err != nil {
		return err
	}
	return d.Deliver(lateSample())
}
