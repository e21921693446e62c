package report

import (
	"fmt"
	"strings"
)

// Would is what a dry run would do in a mailbox: the object "would" of --json.
type Would struct {
	Type    string `json:"type"`
	Account string `json:"account"`
	Mailbox string `json:"mailbox"`
	Changes
}

// Would prints what a dry run would do, a line a mailbox, also with --quiet; the sum is in the account's line.
func (a *Account) Would(all []Would) {
	r := a.begin()
	defer r.mu.Unlock()
	var sum Changes
	for _, w := range all {
		w.Type, w.Account, w.Mailbox = "would", a.name, clean(w.Mailbox)
		sum.add(w.Changes)
		if r.opts.JSON {
			r.result(w)
		} else {
			r.out(place(a.name, w.Mailbox, 0) + "would " + w.Changes.would())
		}
	}
	if text := sum.would(); text != "" && a.words.did == "" {
		a.words.did = "dry run, nothing done: would " + text
	}
}

func (c *Changes) add(more Changes) {
	c.Fetched += more.Fetched
	c.FetchedBytes += more.FetchedBytes
	c.Appended += more.Appended
	c.FlagsToDisk += more.FlagsToDisk
	c.FlagsToServer += more.FlagsToServer
	c.MovedOnDisk += more.MovedOnDisk
	c.MovedOnServer += more.MovedOnServer
	c.DeletedOnDisk += more.DeletedOnDisk
	c.DeletedOnServer += more.DeletedOnServer
	c.MovedToTrash += more.MovedToTrash
	c.MovedBack += more.MovedBack
}

// would is the changes behind the word "would": "fetch 20 (1.2 MiB), append 1".
func (c Changes) would() string {
	var parts []string
	add := func(n int, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add(c.Fetched, "fetch %d ("+Size(c.FetchedBytes)+")")
	add(c.Appended, "append %d")
	add(c.FlagsToDisk, "flag %d here")
	add(c.FlagsToServer, "flag %d on the server")
	add(c.MovedOnDisk, "move %d here")
	add(c.MovedOnServer, "move %d on the server")
	add(c.DeletedOnDisk, "delete %d here")
	add(c.DeletedOnServer, "delete %d on the server")
	add(c.MovedToTrash, "move %d to the server's trash")
	add(c.MovedBack, "move %d back from the server's trash")
	return strings.Join(parts, ", ")
}
