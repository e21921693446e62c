package sync_test

import (
	"context"
	"log/slog"
	"testing"

	"mailsync/internal/testkit/mem"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// records keeps log records.
type records struct {
	mu  mutex
	all []map[string]slog.Value
}

func (r *records) Enabled(context.Context, slog.Level) bool { return true }
func (r *records) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *records) WithGroup(string) slog.Handler            { return r }

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	m := map[string]slog.Value{"msg": slog.StringValue(rec.Message)}
	rec.Attrs(func(a slog.Attr) bool {
		m[a.Key] = a.Value.Resolve()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, m)
	return nil
}

// count is how many records have that value.
func (r *records) count(key, value string) (n int) {
	for _, rec := range r.all {
		if rec[key].String() == value {
			n++
		}
	}
	return n
}

// What a run counts, it logs: each message once, and each mailbox once, with the same numbers.
func TestLogHasWhatTheResultCounts(t *testing.T) {
	l := newLab()
	var log *records
	l.change = func(a *port.Account) {
		log = &records{mu: newMutex()}
		a.Log = slog.New(log)
	}
	l.policy.OnDiskDelete, l.policy.OnServerDelete, l.policy.Append = plan.Delete, plan.Delete, true
	l.server.Create("Lists")
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		for n := range 4 {
			m.Add(body(n), 1700000000+int64(n))
		}
	})
	l.server.Change("Lists", func(m *mem.Mailbox) { m.Add(body(9), 1700000009) })
	check := func(want port.Done, mailboxes int) {
		t.Helper()
		got := l.clean(t).Done
		got.FetchedBytes = 0
		if got != want {
			t.Errorf("the result is %+v, want %+v", got, want)
		}
		for did, n := range map[port.Did]int{port.Fetched: want.Fetched, port.Appended: want.Appended, port.FlaggedHere: want.FlagsToDisk,
			port.FlaggedThere: want.FlagsToServer, port.DeletedHere: want.DeletedOnDisk, port.DeletedThere: want.DeletedOnServer,
			port.MovedHere: want.MovedOnDisk} {
			if logged := log.count("op", did.Op()); logged != n {
				t.Errorf("%v: logged %d times, want %d", did, logged, n)
			}
		}
		var sum port.Done
		seen := map[string]bool{}
		for _, rec := range log.all {
			if rec["msg"].String() != "mailbox done" {
				continue
			}
			name := rec["mailbox"].String()
			if seen[name] {
				t.Errorf("%s is logged twice", name)
			}
			seen[name] = true
			for _, a := range rec["done"].Group() {
				n := int(a.Value.Int64())
				switch a.Key {
				case "fetched":
					sum.Fetched += n
				case "appended":
					sum.Appended += n
				case "flags_to_disk":
					sum.FlagsToDisk += n
				case "flags_to_server":
					sum.FlagsToServer += n
				case "deleted_on_disk":
					sum.DeletedOnDisk += n
				case "deleted_on_server":
					sum.DeletedOnServer += n
				case "moved_on_disk":
					sum.MovedOnDisk += n
				}
			}
		}
		if sum != want || len(seen) != mailboxes {
			t.Errorf("the mailboxes' lines add up to %+v in %v", sum, seen)
		}
	}
	check(port.Done{Fetched: 5}, 2)
	l.server.Change("INBOX", func(m *mem.Mailbox) {
		m.Flag(1, `\Flagged`, true)
		m.Expunge(4)
	})
	l.rename(t, "number 1\r", "S")
	l.remove(t, "number 2\r")
	l.drop(t, "INBOX/cur/letter:2,S", "Subject: new\n\nletter\n")
	check(port.Done{Appended: 1, FlagsToDisk: 1, FlagsToServer: 1, DeletedOnDisk: 1, DeletedOnServer: 1}, 1)
	l.clean(t)
	if n := log.count("msg", "mailbox done"); n != 0 {
		t.Errorf("a run with nothing to do logs %d mailboxes", n)
	}
}
