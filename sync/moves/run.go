// Package moves carries over what went in one mailbox and came in another: on the server to the disk, on the
// disk to the server.
package moves

import (
	"mailsync/sync/mailbox"
	"mailsync/sync/scan"
)

// Run is the moves of a run.
type Run struct {
	*mailbox.Run
	scan  *scan.Run
	moved []*move // what went in one mailbox and came in another
}

// New returns the moves of a run.
func New(r *mailbox.Run, s *scan.Run) *Run { return &Run{Run: r, scan: s} }
