package verify

import (
	"fmt"
	"slices"

	"mailsync/state"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// identity is that of a message's file.
func (p *part) identity(uid state.UID, variant uint8) port.Identity {
	return port.Identity{Token: p.Gen().Token, UID: uid, Variant: max(1, variant), Name: p.archive}
}

func (p *part) finding(fault port.Fault, id port.Identity, detail string) port.Finding {
	return port.Finding{Fault: fault, Mailbox: p.Name, UID: id.UID, Detail: detail, Raw: p.Row.Raw, Path: p.Row.Path, Id: id}
}

// proof is what is recorded of a message's bytes, nil: nothing.
func (p *part) proof(uid state.UID) *state.Proof {
	if proof, ok := p.proofs[uid]; ok {
		return &proof
	}
	return nil
}

// readings are the files of one UID, one reading for each identity. seen reports whether the file that
// is recorded is among them.
func (p *part) readings(m plan.Joined) (read []*reading, seen bool) {
	var r *reading
	for _, f := range m.Disk {
		if r == nil || r.id.Variant != f.Variant {
			r = &reading{part: p, id: p.identity(m.UID, f.Variant)}
			if r.known = m.Base != nil && m.Base.Status.HasFile() && max(1, m.Base.Variant) == f.Variant; r.known {
				seen, r.want = true, p.proof(m.UID)
			}
			read = append(read, r)
		}
		r.add(p.Disk.NameAt(f.Name), f.Size)
	}
	return read, seen
}

func (p *part) missing(rec state.Record) port.Finding {
	f := p.finding(port.Missing, p.identity(rec.UID, rec.Variant), "no file has this message")
	f.Known, f.Lost, f.Want, f.File = true, p.lost(rec), p.proof(rec.UID), p.archive
	return f
}

// comparable forgets what the server shows where that cannot be compared with what is recorded, and
// reports a mailbox that the server has numbered anew.
func (s *survey) comparable() (found []port.Finding) {
	sn, gen := s.Server, s.Gen()
	switch {
	case sn == nil:
	case s.MD == nil, gen != nil && sn.Complete && plan.Unnumbered(gen, sn.Mark) && len(s.Records) == 0:
		s.Server = nil
	case gen == nil || gen.Mark.UIDValidity != sn.Mark.UIDValidity:
		s.Server = nil
		found = []port.Finding{{Fault: port.Renumbered, Mailbox: s.Name, Raw: s.Row.Raw, Path: s.Row.Path,
			Detail: "the server has numbered the mailbox anew; sync first"}}
	}
	return found
}

// compare compares what is recorded of a message, and the flags of its file, with what the server shows.
func (w *verifying) compare(p *part, m plan.Joined) []port.Finding {
	rec, there := m.Base, m.Server
	if rec == nil && w.verdict.NoMemory && len(m.Disk) > 0 {
		// Its name is all that is known of it, and does not prove that the server ever had it.
		f := m.Disk[0]
		rec = &state.Record{UID: m.UID, Variant: f.Variant, Status: state.OnlyHere, Size: -1, Date: state.NoDate, Agreed: f.Flags}
	}
	switch {
	case rec == nil && there == nil:
	case there == nil:
		if rec.Status.OnServer() && p.Server.Complete && !p.Server.Has(m.UID) {
			return []port.Finding{p.finding(port.GoneThere, p.identity(m.UID, rec.Variant), "the server does not have it any more")}
		}
	case rec == nil:
		if w.Policy.MaxSize == 0 || there.Size <= w.Policy.MaxSize {
			return []port.Finding{p.finding(port.NotHere, p.identity(m.UID, 1), fmt.Sprintf("the server has it (%d octets), and it is not here", there.Size))}
		}
	case rec.Status == state.Outstanding:
		return []port.Finding{p.finding(port.NotHere, p.identity(m.UID, rec.Variant), "the server has it, and it could not be fetched yet")}
	case rec.Status.HasFile():
		return append(w.compareSize(p, *rec, *there), w.compareFlags(p, *rec, *there, m.Disk)...)
	}
	return nil
}

func (w *verifying) compareSize(p *part, rec state.Record, there state.OnServer) []port.Finding {
	proof := p.proof(rec.UID)
	if proof == nil || !plan.LengthDiffers(rec, proof.Bytes, there.Size, w.Row.EstimatedSizes) {
		return nil
	}
	f := p.finding(port.SizeDiffers, p.identity(rec.UID, rec.Variant), fmt.Sprintf("the server announces %d octets, and %d were fetched", there.Size, proof.Bytes))
	f.Id.Variant = 0 // it is the message's, whichever file a repair gives it
	return []port.Finding{f}
}

func (w *verifying) compareFlags(p *part, rec state.Record, there state.OnServer, files []state.OnDisk) []port.Finding {
	var flags state.Flags
	here, silent := false, true
	for _, f := range files {
		if f.Variant == max(1, rec.Variant) {
			flags, here, silent = flags|f.Flags, true, silent && f.Silent
		}
	}
	if !here || !w.Policy.FlagsToDisk {
		return nil
	}
	flags = state.FlagsByName(silent, flags, rec.Agreed)
	changed := there.Flags ^ rec.Agreed // on the server
	differ := (flags ^ there.Flags) & p.Disk.Can
	if w.Policy.OnServerDelete != plan.Delete || w.Policy.OnDiskDelete != plan.Delete {
		differ &^= state.Deleted
	}
	if !w.Policy.FlagsToServer {
		differ &= changed // what was changed here alone stays here
	}
	if alone := differ & p.Gen().Unsettable &^ changed; alone != 0 {
		if differ &^= alone; differ == 0 {
			p.alone = append(p.alone, rec.UID)
		}
	}
	if differ == 0 {
		return nil
	}
	return []port.Finding{p.finding(port.FlagsDiffer, p.identity(rec.UID, rec.Variant), fmt.Sprintf("here %v, on the server %v",
		p.KW.NamesOf(flags&p.Disk.Can), p.KW.NamesOf(there.Flags&p.Disk.Can)))}
}

// unlisted is what one side has and the other has no mailbox for.
func (w *verifying) unlisted() (found []port.Finding) {
	if w.Server == nil {
		return nil
	}
	for _, row := range w.rows {
		gen := row.Current()
		if !w.there[state.RawKey(row.Raw)] && !w.partial && !w.Excludes(row) && row.Role == state.RoleMailbox && gen != nil && gen.Tally.OnServer > 0 {
			found = append(found, port.Finding{Fault: port.Unlisted, Mailbox: w.NameOf(row), Path: row.Path,
				Detail: fmt.Sprintf("the server has no such mailbox any more; %d messages were in it", gen.Tally.OnServer)})
		}
	}
	here := map[string]bool{} // looked at or not
	for _, row := range w.Rows {
		here[state.RawKey(row.Raw)] = here[state.RawKey(row.Raw)] || row.Role != state.RoleForgotten && !w.unrecorded(row)
	}
	for key, l := range w.listed {
		if here[key] || w.asked.OnlyThere != nil && !w.asked.OnlyThere(l) || l.HasMark && l.Mark.Exists == 0 {
			continue
		}
		detail := "all of the mailbox; the server does not report how many messages are in it"
		if l.HasMark {
			detail = fmt.Sprintf("all of the mailbox; messages: %d", l.Mark.Exists)
		}
		found = append(found, port.Finding{Fault: port.NotHere, Mailbox: plan.DisplayName(l.Levels), Path: "\x00" + l.Raw, Detail: detail})
	}
	slices.SortStableFunc(found, compareFindings)
	return found
}
