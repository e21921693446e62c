package store_test

import (
	"testing"
	"time"

	"mailsync/state"
	"mailsync/state/store"
)

const benchMessages = 100_000

// filled opens a store with one mailbox of n messages, committed in batches of 256 as the
// engine does.
func filled(tb testing.TB, s *store.Store, n int) state.GenID {
	tb.Helper()
	row := state.MailboxRow{Raw: "INBOX", Path: "INBOX", Generations: []state.Generation{{Token: "aaaa", Current: true}}}
	ok(tb, s.SaveMailbox(tb.Context(), &row))
	gen := row.Generations[0].ID
	for next := 0; next < n; {
		c := state.Commit{Gen: gen}
		for ; next < n && len(c.Put) < 256; next++ {
			r := record(next)
			c.Put = append(c.Put, r)
			c.Proofs = append(c.Proofs, state.Proof{UID: r.UID, Digest: [state.DigestSize]byte{byte(next), byte(next >> 8)}, Bytes: r.Size, ByServer: true})
		}
		ok(tb, s.Commit(tb.Context(), c))
	}
	return gen
}

func record(i int) state.Record {
	return state.Record{UID: state.UID(2*i + 1), Variant: 1, Form: state.FormLF, Seen: state.Seen, Agreed: state.Seen,
		Size: int64(1000 + i%50_000), Date: 1_600_000_000 + int64(i)*60}
}

func BenchmarkCommit100k(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		s := open(b, b.TempDir())
		b.StartTimer()
		filled(b, s, benchMessages)
	}
}

func BenchmarkRecords100k(b *testing.B) {
	s := open(b, b.TempDir())
	gen := filled(b, s, benchMessages)
	for b.Loop() {
		if got, err := s.Records(b.Context(), gen); err != nil || len(got) != benchMessages {
			b.Fatal(len(got), err)
		}
	}
}

// Opening and reading what an idle run asks for, with a whole seal and with a broken one.
func BenchmarkOpen100k(b *testing.B) {
	dir := b.TempDir()
	l := lock(b, dir)
	s, _, err := store.Open(l)
	ok(b, err)
	filled(b, s, benchMessages)
	ok(b, s.Close())
	reopen := func() {
		s, found, err := store.Open(l)
		if err != nil || found.Fresh {
			b.Fatal(found, err)
		}
		if _, err := s.Mailboxes(b.Context()); err != nil {
			b.Fatal(err)
		}
		ok(b, s.Close())
	}
	b.Run("sealed", func(b *testing.B) {
		for b.Loop() {
			reopen()
		}
	})
	b.Run("checked", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			touch(b, dir, time.Unix(1_000_000_000, 0))
			b.StartTimer()
			reopen()
		}
	})
}
