package state

// Add counts one more record.
func (t *Tally) Add(r Record) { t.count(r, 1) }

// Take counts one record less: it undoes an Add of the same record.
func (t *Tally) Take(r Record) { t.count(r, -1) }

// Plus returns the sum of both, field by field.
func (t Tally) Plus(o Tally) Tally {
	return Tally{
		OnServer:    t.OnServer + o.OnServer,
		Here:        t.Here + o.Here,
		Outstanding: t.Outstanding + o.Outstanding,
		KeptAway:    t.KeptAway + o.KeptAway,
		Skipped:     t.Skipped + o.Skipped,
		OnlyHere:    t.OnlyHere + o.OnlyHere,
		HereBytes:   t.HereBytes + o.HereBytes,
		Doubtful:    t.Doubtful + o.Doubtful,
		Estimated:   t.Estimated + o.Estimated,
		Misfits:     t.Misfits + o.Misfits,
	}
}

func (t *Tally) count(r Record, n int) {
	if r.Status.OnServer() {
		t.OnServer += n
	}
	if r.Status.HasFile() {
		t.Here += n
		if r.Size > 0 {
			t.HereBytes += int64(n) * r.Size
		}
	}
	if r.Status.Misfit() {
		t.Misfits += n
	}
	switch r.Status {
	case Outstanding:
		t.Outstanding += n
	case KeptAway:
		t.KeptAway += n
	case Skipped:
		t.Skipped += n
	case OnlyHere:
		t.OnlyHere += n
	case Doubtful, Unstable, Lacking:
		t.Doubtful += n
	case Longer:
		if r.Tries < 2 {
			t.Estimated += n
		}
	case Shorter:
		t.Estimated += n
	}
}
