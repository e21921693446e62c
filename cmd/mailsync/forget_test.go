package main

import (
	"net"
	"strconv"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/rogpeppe/go-internal/testscript"

	"mailsync/cmd/mailsync/demo"
)

// dropped NAME MAILBOX: another client deletes a mailbox; with "!" it makes it.
func cmdDropped(ts *testscript.TestScript, made bool, args []string) {
	phone, err := imapclient.DialInsecure(net.JoinHostPort("127.0.0.1", strconv.Itoa(servers(ts)[args[0]].Port)), nil)
	ts.Check(err)
	defer phone.Close()
	ts.Check(phone.Login(demo.User, demo.Password).Wait())
	if made {
		ts.Check(phone.Create(args[1], nil).Wait())
	} else {
		ts.Check(phone.Delete(args[1]).Wait())
	}
	ts.Check(phone.Logout().Wait())
}
