package send

import (
	"context"

	"mailsync/state"
)

// LookForBack asks the server who those messages are that are not here and have the size of a file.
func (s *Searching) LookForBack(ctx context.Context, batch []Outgoing) error {
	sizes := map[int64]bool{}
	for _, f := range batch {
		sizes[f.Got.Bytes] = true
	}
	return s.asking(ctx, func(rec state.Record) bool {
		_, here := s.B.FileOf(rec.UID, max(1, rec.Variant))
		return sizes[rec.Size] && !here
	})
}
