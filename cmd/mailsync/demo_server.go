package main

import (
	"bytes"
	"io"
	"log"
	"net"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// Who the demo's server knows.
const (
	demoUser     = "ada"
	demoPassword = "analytical-engine"
)

// sample is one message of the demo.
type sample struct {
	mailbox string
	date    time.Time
	flags   []imap.Flag
	text    []byte
}

// demoServer is an IMAP server in memory, on loopback.
type demoServer struct {
	server   *imapserver.Server
	user     *imapmemserver.User
	address  string
	port     int
	names    []string // of the mailboxes, as they were made
	messages int
}

// startDemoServer starts a server that has the samples and their mailboxes.
func startDemoServer(samples []sample) (*demoServer, error) {
	d := &demoServer{user: imapmemserver.NewUser(demoUser, demoPassword), messages: len(samples)}
	known := map[string]bool{}
	for _, s := range samples {
		if !known[s.mailbox] {
			known[s.mailbox] = true
			d.names = append(d.names, s.mailbox)
			if err := d.user.Create(s.mailbox, nil); err != nil {
				return nil, err
			}
		}
		if err := d.deliver(s); err != nil {
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
	d.address = listener.Addr().String()
	d.port = listener.Addr().(*net.TCPAddr).Port
	go func() { _ = d.server.Serve(listener) }() // it ends with close
	return d, nil
}

func (d *demoServer) close() { _ = d.server.Close() } // everything it had is in memory

func (d *demoServer) deliver(s sample) error {
	_, err := d.user.Append(s.mailbox, literal{bytes.NewReader(s.text)}, &imap.AppendOptions{Time: s.date, Flags: s.flags})
	return err
}

// literal is a message as the server takes it.
type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// change does what a phone and the rest of the world do between two syncs: two messages
// of INBOX are read, a third is flagged, and a new one comes in.
func (d *demoServer) change() error {
	phone, err := imapclient.DialInsecure(d.address, nil)
	if err != nil {
		return err
	}
	defer phone.Close()
	if err := phone.Login(demoUser, demoPassword).Wait(); err != nil {
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
	return d.deliver(lateSample())
}
