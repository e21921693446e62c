package verify

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// suspects are the identities that a second look is about, by the path of their Maildir.
type suspects map[string]map[port.Identity]bool

func suspectsOf(found []port.Finding) suspects {
	s := suspects{}
	for _, f := range found {
		if s[f.Path] == nil {
			s[f.Path] = map[port.Identity]bool{}
		}
		s[f.Path][f.Id] = true
	}
	return s
}

// pass looks at every mailbox, or only at what is suspected. One goroutine goes through
// the mailboxes while the readers read files of those before.
func (w *verifying) pass(ctx context.Context, rows []state.MailboxRow, only suspects) (found []port.Finding, err error) {
	jobs := make(chan *reading, 4*max(1, w.Readers))
	var readers errgroup.Group
	for range max(1, w.Readers) {
		readers.Go(func() error {
			for r := range jobs {
				f := w.readFiles(r, only == nil)
				w.mu.Lock()
				found = append(found, f...)
				w.mu.Unlock()
			}
			return nil
		})
	}
	for _, row := range rows {
		if only != nil && only[row.Path] == nil || ctx.Err() != nil || only == nil && w.stopped() {
			continue
		}
		f, err := w.mailbox(ctx, row, only, jobs)
		if err != nil && port.Ends(err) {
			close(jobs)
			_ = readers.Wait()
			return nil, err
		}
		if err != nil {
			w.problem(w.name(row), err)
		}
		w.mu.Lock()
		found = append(found, f...)
		w.mu.Unlock()
	}
	close(jobs)
	_ = readers.Wait() // what a file is wrong with is in found
	slices.SortStableFunc(found, compareFindings)
	return found, ctx.Err()
}

// mailbox surveys one mailbox and hands out what is to be read in it.
func (w *verifying) mailbox(ctx context.Context, row state.MailboxRow, only suspects, jobs chan<- *reading) ([]port.Finding, error) {
	if w.Watch != nil && only == nil {
		w.Watch.Mailbox(w.name(row), false)
		defer w.Watch.Mailbox(w.name(row), true)
	}
	s, err := w.survey(ctx, row, only != nil)
	if err != nil {
		return nil, err
	}
	read, found := s.readings()
	if only == nil {
		w.counted[row.Path] = w.countOf(s)
	}
	if w.verdict.NoMemory {
		s.nameRecords()
	}
	found = append(found, s.compareServer(w.Policy, w.estimate)...)
	for _, a := range w.archives(ctx, s) {
		r, f := a.readings()
		read, found = append(read, r...), append(found, f...)
	}
	if only != nil {
		mine := only[row.Path]
		read = slices.DeleteFunc(read, func(r *reading) bool { return !mine[r.id] })
		found = slices.DeleteFunc(found, func(f port.Finding) bool { return !mine[f.Id] || w.unproven(s, f) })
	} else {
		w.count(s, read)
		if len(s.alone) > 0 {
			w.verdict.Unsettable = append(w.verdict.Unsettable, Apart{Mailbox: s.name, UIDs: s.alone})
		}
	}
	for _, r := range read {
		if only == nil && w.stopped() {
			break
		}
		select {
		case jobs <- r:
		case <-ctx.Done():
			return found, ctx.Err()
		}
	}
	return found, nil
}

// unproven drops what is missing in a Maildir that does not come to rest, and says so.
func (w *verifying) unproven(s *survey, f port.Finding) bool {
	if f.Fault != port.Missing || s.md == nil {
		return false
	}
	for _, b := range s.books {
		if b.gen.Token == f.Id.Token && !b.sure {
			w.problem(s.name, fmt.Errorf("uid %d was not seen, in a Maildir that another program keeps changing; look again when it is quiet", f.UID))
			return true
		}
	}
	return false
}

// count adds a mailbox to the verdict.
func (w *verifying) count(s *survey, read []*reading) {
	var messages int
	var bytes int64
	for _, r := range read {
		messages += len(r.files)
		for _, f := range r.files {
			bytes += max(0, f.size)
		}
	}
	if w.Watch != nil {
		w.Watch.Planned(messages, bytes)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.verdict.Foreign += s.others
}

// readFiles reads every file of one identity and judges them.
func (w *verifying) readFiles(r *reading, first bool) []port.Finding {
	var bytes int64
	for _, f := range r.files {
		got, err := r.survey.md.Inspect(f.name, r.want)
		r.got = append(r.got, inspected{f.name, got, err})
		bytes += got.OnDisk
	}
	found, unproven := r.judge()
	if !first {
		return found
	}
	if w.Watch != nil {
		w.Watch.Fetched(len(r.files), bytes)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	v := &w.verdict
	v.Files += len(r.files)
	v.Bytes += bytes
	if r.stray {
		g := r.got[0]
		w.strays[r.id] = stray{r.path(g), g.Received, g.err}
	} else if !r.known {
		v.Unrecorded += len(r.files)
	}
	if unproven {
		v.Unproven++
	}
	return found
}

// moved takes out what is missing in one Maildir and lies whole in another one.
func (w *verifying) moved(found []port.Finding) []port.Finding {
	return slices.DeleteFunc(found, func(f port.Finding) bool {
		s, ok := w.strays[f.Id]
		if f.Fault != port.Missing || !ok || s.err != nil || f.Want != nil && f.Want.Digest != s.got.Digest {
			return false
		}
		w.verdict.Moved++
		return true
	})
}

func compareFindings(a, b port.Finding) int {
	if c := plan.CompareNames(a.Mailbox, b.Mailbox); c != 0 {
		return c
	}
	if a.UID != b.UID {
		return int(int64(a.UID) - int64(b.UID))
	}
	switch {
	case a.File < b.File:
		return -1
	case a.File > b.File:
		return 1
	}
	return 0
}
