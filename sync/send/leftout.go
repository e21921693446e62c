package send

import (
	"mailsync/state"
	"mailsync/sync/mailbox"
)

// LeaveOut reports what a mail program put into a mailbox whose files go to the server, and what is no message that can
// be read.
func (r *Run) LeaveOut(b *mailbox.Box) error {
	if !r.Policy.Append || b.Disk == nil {
		return nil
	}
	problems, _, count := mailbox.Describe(b.Name, b.Disk.Passed)
	if count > 0 {
		b.Leave(mailbox.PutOff)
	}
	return r.Report(b.Name, problems, nil)
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
