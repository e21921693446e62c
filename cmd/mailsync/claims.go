package main

import (
	"errors"
	"sync"

	"mailsync/backends/maildir/disk"
	"mailsync/sync/port"
)

// claims is what the accounts of this run will still write to each disk: side by side, each of them sees the free space that
// the others will need, too.
type claims struct {
	mu     sync.Mutex
	octets map[string]map[string]int64 // by disk and account
}

// of returns the claiming of one account, whose Maildirs are in a folder. Where it is not known which disk that is on, nil: it
// is compared with nobody.
func (c *claims) of(account, folder string) func(octets int64) (others int64) {
	at, err := existing(folder)
	if err != nil {
		return nil
	}
	disk, known := diskOf(at)
	if !known {
		return nil
	}
	return func(octets int64) (others int64) {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.octets == nil {
			c.octets = map[string]map[string]int64{}
		}
		if c.octets[disk] == nil {
			c.octets[disk] = map[string]int64{}
		}
		c.octets[disk][account] = octets
		for name, n := range c.octets[disk] {
			if name != account {
				others += n
			}
		}
		return others
	}
}

// standIn is an empty tree in place of one that does not exist yet, and has as much room as that will have.
type standIn struct {
	port.Tree
	root string
}

func (s standIn) Free() (int64, error) {
	at, err := existing(s.root)
	if err != nil {
		return 0, err
	}
	files, err := disk.OpenReal(at)
	if err != nil {
		return 0, err
	}
	free, err := files.Free()
	return free, errors.Join(err, files.Close())
}
