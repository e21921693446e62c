package verify

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

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

// looking is one look at the mailboxes. One goroutine surveys them while the readers read
// files of those before.
type looking struct {
	*verifying
	only  suspects       // what a second look is about; nil: the first one, at everything
	read  chan *reading  // what the readers are to read
	found []port.Finding // guarded by Mu
}

// look looks at every mailbox, or only at what is suspected.
func (w *verifying) look(ctx context.Context, only suspects) ([]port.Finding, error) {
	l := &looking{verifying: w, only: only, read: make(chan *reading)}
	var readers sync.WaitGroup
	for range max(1, w.asked.Readers) {
		readers.Go(func() {
			for r := range l.read {
				l.add(l.readFiles(r)) // what is wrong with a file is in found
			}
		})
	}
	var err error
	for _, row := range w.rows {
		if only != nil && only[row.Path] == nil {
			continue
		}
		if err != nil || ctx.Err() != nil || l.ends() {
			break
		}
		if err = l.mailbox(ctx, row); err != nil {
			l.foreseen(row, 0, 0)
			err = w.Problem(w.NameOf(row), 0, err)
		}
	}
	close(l.read)
	readers.Wait()
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(l.found, compareFindings)
	return l.found, ctx.Err()
}

// ends reports whether the first look was asked to come to an end.
func (l *looking) ends() bool {
	if l.only != nil || !l.Stopped() {
		return false
	}
	l.stopped = true
	return true
}

// mailbox surveys one mailbox and hands out what is to be read in it.
func (l *looking) mailbox(ctx context.Context, row state.MailboxRow) error {
	if l.Watch != nil && l.only == nil {
		l.Watch.Mailbox(l.NameOf(row), false)
		defer l.Watch.Mailbox(l.NameOf(row), true)
	}
	s, err := l.survey(ctx, row)
	if err != nil {
		return err
	}
	if l.only == nil {
		l.counted[row.Path] = l.countOf(s)
	}
	all, err := l.archives(ctx, s)
	if err != nil {
		return err
	}
	read, found := s.unknown, s.comparable()
	if s.MD == nil {
		found = append(found, gone(s.parts...)...)
	} else {
		all = append(all, s.parts...)
	}
	archivesGone := map[string][]*part{} // with messages of several generations, perhaps
	for _, p := range all {
		if p.MD == nil {
			archivesGone[p.at] = append(archivesGone[p.at], p)
			continue
		}
		r, f, err := l.join(p)
		if err != nil {
			return err
		}
		read, found = append(read, r...), append(found, f...)
	}
	for _, at := range slices.Sorted(maps.Keys(archivesGone)) {
		found = append(found, gone(archivesGone[at]...)...)
	}
	if l.only == nil {
		l.count(row, s, read)
	} else {
		mine := l.only[row.Path]
		read = slices.DeleteFunc(read, func(r *reading) bool { return !mine[r.id] })
		found = slices.DeleteFunc(found, func(f port.Finding) bool { return !mine[f.Id] })
	}
	l.add(found)
	for _, r := range read {
		if ctx.Err() != nil || l.ends() {
			break
		}
		l.read <- r
	}
	return nil
}

func (l *looking) add(found []port.Finding) {
	if len(found) == 0 {
		return
	}
	l.Mu.Lock()
	defer l.Mu.Unlock()
	l.found = append(l.found, found...)
}

// join compares a part's records, files and, where it was asked, the server's messages. It
// returns what is to be read, and what is found without that.
func (l *looking) join(p *part) (read []*reading, found []port.Finding, err error) {
	var there []state.OnServer
	if p.Server != nil {
		there = p.Server.Messages
	}
	for m := range plan.Join(p.Records, there, p.Disk.Messages) {
		r, seen := p.readings(m)
		read = append(read, r...)
		switch {
		case m.Base == nil || !m.Base.Status.HasFile() || seen:
		case l.only == nil || p.Disk.Complete:
			found = append(found, p.missing(*m.Base))
		case l.only[p.Row.Path][p.identity(m.UID, m.Base.Variant)]:
			if err := l.Problem(p.Name, m.UID, errNotSeen); err != nil {
				return nil, nil, err
			}
		}
		if p.Server != nil {
			found = append(found, l.compare(p, m)...)
		}
	}
	return read, found, nil
}

// count adds a mailbox to the verdict.
func (l *looking) count(row state.MailboxRow, s *survey, read []*reading) {
	var messages int
	var octets int64
	for _, r := range read {
		messages += len(r.names)
		octets += r.octets
	}
	l.foreseen(row, messages, octets)
	l.Infof(s.Name, "%d files to be read", messages)
	l.Mu.Lock()
	defer l.Mu.Unlock()
	l.verdict.Foreign += s.others
	for _, p := range s.parts {
		if len(p.alone) > 0 {
			l.verdict.Unsettable = append(l.verdict.Unsettable, Apart{Mailbox: s.Name, UIDs: p.alone})
		}
	}
}

// readFiles reads every file of one identity and judges them.
func (l *looking) readFiles(r *reading) []port.Finding {
	var octets int64
	for _, name := range r.names {
		got, err := r.MD.Inspect(name, r.want)
		if err != nil && port.Ends(err) && !state.IsAllOfDisk(err) {
			return nil // the run ends: it was not read
		}
		r.got = append(r.got, inspected{name, got, err})
		octets += got.OnDisk
		if l.only == nil && err == nil {
			l.LogMessage(r.Name, "verify", "read", r.id.UID, got.OnDisk)
		}
	}
	found, unproven := r.judge()
	if l.only != nil {
		return found
	}
	l.Planned(0, octets-r.octets) // a file can be shorter here than its message was, or longer than it should be
	l.Arrived(len(r.names), octets)
	l.Mu.Lock()
	defer l.Mu.Unlock()
	v := &l.verdict
	v.Files += len(r.names)
	v.Bytes += octets
	if r.unknown {
		l.unknown[r.id] = r.got[0]
	} else if !r.known {
		v.Unrecorded += len(r.names)
	}
	if unproven {
		v.Unproven++
	}
	return found
}

// moved takes out what is missing in one Maildir and is intact in another one.
func (w *verifying) moved(found []port.Finding) []port.Finding {
	return slices.DeleteFunc(found, func(f port.Finding) bool {
		g, ok := w.unknown[f.Id]
		if f.Fault != port.Missing || !ok || g.err != nil || f.Want != nil && f.Want.Digest != g.Digest {
			return false
		}
		w.verdict.Moved++
		return true
	})
}

func compareFindings(a, b port.Finding) int {
	return cmp.Or(plan.CompareNames(a.Mailbox, b.Mailbox), cmp.Compare(a.UID, b.UID), cmp.Compare(a.File, b.File))
}

var errNotSeen = errors.New("it was not seen, in a Maildir that another program keeps changing; look again when it is quiet")
