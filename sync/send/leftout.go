package send

import (
	"slices"

	"mailsync/state"
	"mailsync/sync/mailbox"
)

// LeaveOut reports what a mail program put into a mailbox whose files go to the server, and what is no message that can
// be read.
func (r *Run) LeaveOut(b *mailbox.Box) error {
	if !r.Policy.Append || b.Disk == nil {
		return nil
	}
	passed := slices.DeleteFunc(slices.Clone(b.Disk.Passed), func(p state.Passed) bool { return p.Spared })
	count, err := r.LeftOut(b.Name, b.Name, passed)
	if count > 0 {
		b.Leave(mailbox.PutOff)
	}
	return err
}

// Unpackable says that a file is compressed or encrypted in that way, nil for "".
func Unpackable(packed string) error {
	if packed == "" {
		return nil
	}
	how := map[string]string{"gzip": "gunzip", "bzip2": "bunzip2", "xz": "unxz", "zstd": "unzstd", "lz4": "unlz4", "compress": "uncompress"}[packed]
	if how == "" {
		return state.Faultf(state.Other, "the file is encrypted (%s)", packed).WithHint("fetch the mail through the server that keeps it, by an account of its own")
	}
	return state.Faultf(state.Other, "the file is compressed (%s)", packed).
		WithHint("make copies that %s has decompressed, or fetch the mail through the server that keeps it so", how)
}
