package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailsync/state"
)

// Some servers have mailboxes that show what others hold: all mail, what is flagged (RFC 6154), made
// by a search. Where the server has no words for copies (EMAILID, X-GM-MSGID), what such a view
// shows is taken for a copy of what has its size, date and Message-ID in another mailbox. Which of several
// that is nobody can tell. So they are judged together, and where bytes are at stake, bytes decide.

// Shown groups the messages on the server that views show with those elsewhere that have their size and date.
// views says of each mailbox whether it is one. It is a pure function.
func Shown(mailboxes [][]state.Record, views []bool) []map[int][]state.UID {
	groups := map[content]map[int][]state.UID{}
	known := func(rec state.Record) bool {
		return rec.Status.OnServer() && rec.Size >= 0 && rec.Date != state.NoDate
	}
	for i, records := range mailboxes {
		for _, rec := range records {
			if views[i] && known(rec) {
				groups[contentOf(rec)] = map[int][]state.UID{}
			}
		}
	}
	for i, records := range mailboxes {
		for _, rec := range records {
			if g := groups[contentOf(rec)]; g != nil && known(rec) {
				g[i] = append(g[i], rec.UID)
			}
		}
	}
	var shown []map[int][]state.UID
	for _, g := range groups {
		if len(g) > 1 {
			shown = append(shown, g)
		}
	}
	return shown
}

// like gives the messages that views show, and those that they may be, a word in common.
func (r *run) like(ctx context.Context) error {
	if r.emailIDs || !slices.ContainsFunc(r.boxes, (*box).isView) {
		return nil
	}
	mailboxes, views := make([][]state.Record, len(r.boxes)), make([]bool, len(r.boxes))
	for i, b := range r.boxes {
		if views[i] = b.isView(); !b.failed && !b.idle {
			mailboxes[i] = b.records
		}
	}
	if err := r.holdOutside(ctx, mailboxes, views); err != nil {
		return err
	}
	ask := map[int][]state.UID{}
	for _, g := range Shown(mailboxes, views) {
		for i, uids := range g {
			if rec := r.boxes[i].record(uids[0]); r.Release.tooYoung(rec.Date, r.now()) {
				break // all of them have one date
			}
			ask[i] = append(ask[i], uids...)
		}
	}
	for i, uids := range ask {
		b := r.boxes[i]
		slices.Sort(uids)
		idents, err := r.sameAs(ctx, b, uids)
		if err != nil {
			return err
		}
		if b.failed {
			continue
		}
		b.leaving.like = map[state.UID]string{}
		for _, id := range idents {
			rec := b.record(id.UID)
			b.leaving.like[id.UID] = fmt.Sprintf("%d %d %s", rec.Size, rec.Date, id.MessageID)
		}
		for _, uid := range uids {
			if _, told := b.leaving.like[uid]; !told { // it may be a copy of one that is to be kept
				b.leaving.hold(uid)
			}
		}
	}
	return nil
}

// holdOutside keeps on the server what views show of mailboxes that the run is not about: drafts, say, would go
// from where they are with what the view shows of them.
func (r *run) holdOutside(ctx context.Context, mailboxes [][]state.Record, views []bool) error {
	in := map[string]bool{}
	for _, b := range r.boxes {
		in[state.RawKey(b.listed.Raw)] = true
	}
	outside := map[content]bool{}
	for i := range r.rows {
		row := &r.rows[i]
		g := row.Current()
		if in[state.RawKey(row.Raw)] || row.Role == state.RoleArchive || g == nil || g.ID == 0 || IsView(row.Use) {
			continue
		}
		records, err := r.recordsOf(ctx, g)
		if err != nil {
			return err
		}
		for _, rec := range records {
			if rec.Status.OnServer() {
				outside[contentOf(rec)] = true
			}
		}
	}
	for i, records := range mailboxes {
		if !views[i] || len(outside) == 0 {
			continue
		}
		b, held := r.boxes[i], 0
		for _, rec := range records {
			if !rec.Status.OnServer() || !outside[contentOf(rec)] {
				continue
			}
			b.leaving.hold(rec.UID)
			if !r.Release.tooYoung(rec.Date, r.now()) {
				held++
			}
		}
		if held > 0 {
			r.note(b.name, fmt.Sprintf("%d of its messages stay on the server: they are copies out of mailboxes that this run leaves out", held), "")
		}
	}
	return nil
}

// tooYoung reports whether no message of that date is asked to go.
func (rel *Release) tooYoung(date int64, now time.Time) bool {
	return rel.Cutoff.ByAge && rel.UntilQuota == 0 && now.Sub(time.Unix(date, 0)) < rel.Cutoff.OlderThan
}

func (b *box) isView() bool { return IsView(b.listed.Role) }

// beside is what mailboxes hold that are no views, by their bytes; nil where there is no view.
type beside map[[state.DigestSize]byte]bool

// holdBeside begins to note what mailboxes hold that are no views.
func (r *run) holdBeside() {
	if slices.ContainsFunc(r.boxes, (*box).isView) {
		r.beside = beside{}
	}
}

// holds notes that a mailbox holds a message, or will once the run is through.
func (r *run) holds(b *box, digest [state.DigestSize]byte) {
	if r.beside != nil && !b.isView() {
		r.beside[digest] = true
	}
}

// holdsProven notes what a mailbox holds of which that is proven.
func (r *run) holdsProven(b *box, proofs map[state.UID]state.Proof) {
	for uid, p := range proofs {
		if b.record(uid).Status.OnServer() {
			r.holds(b, p.Digest)
		}
	}
}

// shows reports whether a mailbox shows a message that another one holds.
func (r *run) shows(b *box, digest [state.DigestSize]byte) bool {
	return b.isView() && r.beside[digest]
}

// viewsLast are the mailboxes of a run, those that show what others hold behind those that hold it.
func (r *run) viewsLast() []*box {
	boxes := slices.Clone(r.boxes)
	slices.SortStableFunc(boxes, func(a, b *box) int { return compareBools(a.isView(), b.isView()) })
	return boxes
}

// lookAtView has a view listed again, now that what it shows may have come back.
func (r *run) lookAtView(ctx context.Context, b *box) error {
	req := b.scanRequest(false)
	req.Anew = true
	sn, err := r.Server.Scan(ctx, req)
	if err != nil {
		return err
	}
	if !sn.Complete || Compare(b.gen(), sn.Mark) != SameNumbers {
		return errors.New("the mailbox cannot be listed again")
	}
	_, err = r.takeIn(ctx, b, sn, true)
	return err
}
