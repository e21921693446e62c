package main

import "github.com/rogpeppe/go-internal/testscript"

// dropped NAME MAILBOX: another client deletes a mailbox; with "!" it makes it.
func cmdDropped(ts *testscript.TestScript, made bool, args []string) {
	phone, err := phoneTo(servers(ts)[args[0]])
	ts.Check(err)
	defer phone.Close()
	if made {
		ts.Check(phone.Create(args[1], nil).Wait())
	} else {
		ts.Check(phone.Delete(args[1]).Wait())
	}
	ts.Check(phone.Logout().Wait())
}
