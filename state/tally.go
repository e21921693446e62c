package state

// Tally counts a generation's records by what a user asks about: OnServer those that
// Status.OnServer says, Here those that have a file (OnlyHere among them), the others
// those of that one status. The base keeps it; what a caller writes into it is ignored.
type Tally struct {
	OnServer, Here, Outstanding, KeptAway, Skipped, OnlyHere int
	HereBytes                                                int64
	// Doubtful are those in doubt whatever else is known of the server. Estimated are those that are
	// in doubt unless its sizes are estimates. Misfits are all that Status.Misfit says.
	Doubtful, Estimated, Misfits int
}

// InDoubt is how many messages are here and may not be what the server has.
func (t Tally) InDoubt(estimates bool) int {
	if estimates {
		return t.Doubtful
	}
	return t.Doubtful + t.Estimated
}

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
