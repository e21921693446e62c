package tie

import (
	"errors"
	"io/fs"

	"mailsync/state"
	"mailsync/sync/mailbox"
)

// spareWith returns a spare with the bytes of a received body, nil if there is none.
func spareWith(b *mailbox.Box, got state.Received) (*mailbox.Spare, state.Received, error) {
	if b.Tie.Sized == nil {
		if err := b.SizeSpares(); err != nil {
			b.Tie.Sized = nil
			return nil, state.Received{}, err
		}
	}
	like := b.Tie.Sized[got.Bytes]
	for like != nil {
		s := like.Next(got.Digest)
		if s == nil || s.Fileless {
			return s, state.Received{}, nil
		}
		file, err := b.MD.Inspect(s.Name, &state.Proof{Digest: got.Digest, Bytes: got.Bytes})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, state.Received{}, err
		}
		same := err == nil && file.Digest == got.Digest && file.Bytes == got.Bytes
		if !same || len(like.Unread) > 0 && like.Unread[0] == s {
			like.Learn(s, got.Digest, file, err == nil && file.Bytes == got.Bytes)
		}
		if same {
			return s, file, nil
		}
	}
	return nil, state.Received{}, nil
}
