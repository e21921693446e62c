package imap

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"mailsync/backends/reach"
	"mailsync/state"
)

// A server that sends the body of a message while the command that asks for it is still
// being written, and then is gone: imapclient's reader waits for the body to be read, and
// whoever is to read it for the write to end.
func TestFetchAnsweredWhileItIsWritten(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	a, err := New(Options{Options: reach.Options{
		Server: reach.Server{Host: "localhost", TLS: reach.None}, User: "ada",
		Secret: func(context.Context) (reach.Secret, error) { return reach.Secret{}, nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		served <- func() error {
			r := bufio.NewReaderSize(far, 16) // of the command that comes last, not all is read
			line := func() (tag string, err error) {
				l, err := r.ReadString('\n')
				tag, _, _ = strings.Cut(l, " ")
				return tag, err
			}
			tag, err := line()
			if err != nil {
				return err
			}
			if _, err := far.Write([]byte("* OK [UIDVALIDITY 1000] x\r\n" + tag + " OK [READ-ONLY] done\r\n")); err != nil {
				return err
			}
			if _, err := line(); err != nil {
				return err
			}
			if _, err := r.ReadByte(); err != nil {
				return err
			}
			if _, err := far.Write([]byte("* 2 FETCH (UID 2 BODY[] {10}\r\nxx")); err != nil {
				return err
			}
			return far.Close()
		}()
	}()

	s := newSession(a, near, "* PREAUTH [CAPABILITY IMAP4rev1] hello")
	s.caps = s.c.Caps()
	w := newWork()
	ended := make(chan error, 1)
	go func() {
		r := newRun(&fetcher{a: a, work: w, stop: func(error) {}, unseen: map[string]*unseen{}}, s)
		for i := range state.UID(2) {
			r.begin(t.Context(), state.Item{ID: int(i), Raw: "INBOX", UIDValidity: 1000, UIDs: uids(i + 1)})
		}
		ended <- r.work(t.Context())
	}()
	select {
	case err := <-ended:
		wantFault(t, err, state.Unreachable, "connection")
	case <-time.After(20 * time.Second):
		t.Fatal("hangs")
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	if len(w.bodies) != 0 || w.done[0] == nil || w.done[1] == nil {
		t.Errorf("bodies %q, done %v", w.bodies, w.done)
	}
}
