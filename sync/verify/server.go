package verify

import (
	"context"
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// list asks the server for its mailboxes, where it is to be compared with.
func (w *verifying) list(ctx context.Context) error {
	if w.Server == nil {
		return nil
	}
	include := func(l state.Listed) bool { return !l.NoSelect && (w.Include == nil || w.Include(l)) }
	listing, err := w.Server.List(ctx, include)
	if err != nil {
		return err
	}
	for _, name := range listing.Broken {
		w.problem(name, port.ErrUnreadableName())
	}
	w.partial = len(listing.Broken) > 0
	w.listed = map[string]state.Listed{}
	for _, l := range listing.Mailboxes {
		if include(l) {
			w.listed[state.RawKey(l.Raw)] = l
		}
	}
	return nil
}

// unlisted is what one side has and the other has no mailbox for.
func (w *verifying) unlisted(rows []state.MailboxRow) (found []port.Finding) {
	if w.Server == nil {
		return nil
	}
	for _, row := range rows {
		key := state.RawKey(row.Raw)
		gen := row.Current()
		if _, ok := w.listed[key]; !ok && !w.partial && row.Role != state.RoleArchive && gen != nil && gen.Tally.OnServer > 0 {
			found = append(found, port.Finding{Fault: port.Unlisted, Mailbox: w.name(row), Path: row.Path,
				Detail: fmt.Sprintf("the server has no such mailbox any more; %d messages were in it", gen.Tally.OnServer)})
		}
	}
	for key, l := range w.listed {
		if !w.here[key] && (w.OnlyThere == nil || w.OnlyThere(l)) && !(l.HasMark && l.Mark.Exists == 0) {
			detail := fmt.Sprintf("the mailbox is not here, with %d messages", l.Mark.Exists)
			if !l.HasMark {
				detail = "the mailbox is not here, and the server does not tell how many messages it holds"
			}
			found = append(found, port.Finding{Fault: port.NotHere, Mailbox: plan.DisplayName(l.Levels), Path: "\x00" + l.Raw, Detail: detail})
		}
	}
	slices.SortStableFunc(found, compareFindings)
	return found
}

// askServer lists a mailbox's messages on the server, where it is to be compared with.
func (w *verifying) askServer(ctx context.Context, s *survey) error {
	l, ok := w.listed[state.RawKey(s.row.Raw)]
	if !ok || s.row.Role == state.RoleArchive {
		return nil
	}
	sn, err := w.Server.Scan(ctx, state.ScanRequest{Raw: l.Raw, Full: true, Keywords: s.kw})
	if err != nil {
		if port.Ends(err) {
			return err
		}
		w.problem(s.name, err) // what is here is verified all the same
		return nil
	}
	for _, t := range sn.Trouble {
		w.problem(s.name, t.Err)
	}
	if !sn.Complete && len(sn.Trouble) == 0 {
		w.problem(s.name, fmt.Errorf("the server's listing is not complete: %d messages announced, %d listed", sn.Mark.Exists, len(sn.Messages)))
	}
	s.server = sn
	return nil
}

// compareServer holds what is recorded, and the flags of the files, against what the
// server shows.
func (s *survey) compareServer(p plan.Policy, estimated bool) (found []port.Finding) {
	if s.server == nil || s.md == nil {
		return nil
	}
	i := slices.IndexFunc(s.books, func(b book) bool { return b.gen.Current })
	if i >= 0 && s.server.Complete && plan.Unnumbered(&s.books[i].gen, s.server.Mark) && len(s.books[i].records) == 0 {
		return nil
	}
	if i < 0 || s.books[i].gen.Mark.UIDValidity != s.server.Mark.UIDValidity {
		return []port.Finding{{Fault: port.Renumbered, Mailbox: s.name, Path: s.row.Path,
			Detail: "the server has numbered the mailbox anew; sync first"}}
	}
	b := &s.books[i]
	msgs := s.server.Messages
	for r, m := 0, 0; r < len(b.records) || m < len(msgs); {
		switch {
		case m == len(msgs) || r < len(b.records) && b.records[r].UID < msgs[m].UID:
			if rec := b.records[r]; rec.Status.OnServer() && s.server.Complete {
				found = append(found, s.differs(b, rec.UID, rec.Variant, port.GoneThere, "the server has it no more"))
			}
			r++
		case r == len(b.records) || msgs[m].UID < b.records[r].UID:
			if p.MaxSize == 0 || msgs[m].Size <= p.MaxSize {
				found = append(found, s.differs(b, msgs[m].UID, 1, port.NotHere, fmt.Sprintf("the server has it (%d octets), and it is not here", msgs[m].Size)))
			}
			m++
		default:
			found = append(found, s.compareOne(b, b.records[r], msgs[m], p, estimated)...)
			r, m = r+1, m+1
		}
	}
	return found
}

// compareOne compares a message that both sides know.
func (s *survey) compareOne(b *book, rec state.Record, msg state.OnServer, p plan.Policy, estimated bool) (found []port.Finding) {
	switch {
	case rec.Status == state.Outstanding:
		return []port.Finding{s.differs(b, rec.UID, rec.Variant, port.NotHere, "the server has it, and it could not be fetched yet")}
	case !rec.Status.HasFile():
		return nil
	}
	if proof, proven := b.proofs[rec.UID]; proven && plan.LengthDiffers(rec, proof.Bytes, msg.Size, estimated) {
		f := s.differs(b, rec.UID, rec.Variant, port.SizeDiffers,
			fmt.Sprintf("the server announces %d octets, and %d were fetched", msg.Size, proof.Bytes))
		f.Id.Variant = 0 // it is the message's, whichever file a repair gives it
		found = append(found, f)
	}
	if !p.FlagsToDisk {
		return found
	}
	var flags state.Flags
	here, silent := false, true
	for _, f := range b.files {
		if f.uid == rec.UID && f.variant == max(1, rec.Variant) {
			flags, here, silent = flags|f.flags, true, silent && f.silent
		}
	}
	flags = state.Spoken(silent, flags, rec.Agreed)
	differ := (flags ^ msg.Flags) & s.can
	if p.OnServerDelete != plan.Delete || p.OnDiskDelete != plan.Delete {
		differ &^= state.Deleted
	}
	if !p.FlagsToServer {
		differ &= msg.Flags ^ rec.Agreed // what was changed here alone stays here
	}
	if alone := differ & b.gen.Unsettable &^ (msg.Flags ^ rec.Agreed); here && alone != 0 {
		if differ &^= alone; differ == 0 {
			s.alone = append(s.alone, rec.UID)
		}
	}
	if here && differ != 0 {
		found = append(found, s.differs(b, rec.UID, rec.Variant, port.FlagsDiffer, fmt.Sprintf("here %v, on the server %v",
			s.kw.NamesOf(flags&s.can), s.kw.NamesOf(msg.Flags&s.can))))
	}
	return found
}

func (s *survey) differs(b *book, uid state.UID, variant uint8, fault port.Fault, detail string) port.Finding {
	return port.Finding{Fault: fault, Mailbox: s.name, UID: uid, Detail: detail, Path: s.row.Path,
		Id: port.Identity{Token: b.gen.Token, UID: uid, Variant: max(1, variant)}}
}
