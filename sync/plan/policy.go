package plan

import (
	"fmt"

	"mailsync/state"
)

// Deletion says what a deletion on one side means for the other.
type Deletion uint8

// What a deletion seen on one side does to the other side's copy.
const (
	Keep   Deletion = iota // the other side's copy stays
	Delete                 // it is carried over, under the brake
	Wait                   // neither: a run that may carry it over will
)

// later is what a deletion means in a run that carries none over.
func (d Deletion) later() Deletion {
	if d == Delete {
		return Wait
	}
	return d
}

// Policy is what the configuration lets Plan do. The zero value pulls flags and
// bodies and changes nothing else anywhere.
type Policy struct {
	FlagsToServer  bool
	FlagsToDisk    bool
	OnServerDelete Deletion // expunged on the server: the file
	OnDiskDelete   Deletion // removed by the user: the server's copy
	Append         bool     // files other programs put here go to the server
	MaxSize        int64    // octets; larger messages are skipped. 0: no limit
	FetchOnce      bool     // bytes of another length than announced are fetched once more only before they leave the server
	MaxDelete      int      // the brake, per mailbox, run and side
	Meant          bool     // MaxDelete was given for this run: emptying a mailbox is meant too
	Refetch        bool     // bring kept-away and accepted messages back
}

// PullOnly is the part of a policy that changes nothing on the server, and deletes
// nothing here. Deletions that the policy would carry over wait for a run that may.
func (p Policy) PullOnly() Policy {
	p.FlagsToServer, p.Append = false, false
	p.OnServerDelete, p.OnDiskDelete = p.OnServerDelete.later(), p.OnDiskDelete.later()
	return p
}

// Lasting spells what of a policy decides about messages that do not change. Where it is
// another than in the last run, what was settled then is looked at again.
func (p Policy) Lasting() string {
	return fmt.Sprint(p.FlagsToServer, p.FlagsToDisk, p.OnServerDelete, p.OnDiskDelete, p.Append, p.MaxSize)
}

// Careful is the policy for a mailbox of which nothing is known yet: nothing is deleted
// and no \Deleted travels.
func (p Policy) Careful() Policy {
	p.OnServerDelete, p.OnDiskDelete = Keep, Keep
	return p
}

// Travel returns the flags, of those that a file name can carry, that may travel each way. \Deleted
// travels only where the deletion itself would.
func (p Policy) Travel(can state.Flags) (toServer, toDisk state.Flags) {
	if p.FlagsToServer {
		toServer = can
		if p.OnDiskDelete != Delete {
			toServer &^= state.Deleted
		}
	}
	if p.FlagsToDisk {
		toDisk = can
		if p.OnServerDelete != Delete {
			toDisk &^= state.Deleted
		}
	}
	return toServer, toDisk
}
