package maildir

import (
	"testing"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Times of files, and dates in the names of files, that are the zero of some clock say nothing.
func TestDatesOfFilesThatAreNone(t *testing.T) {
	mem := disk.NewMem(disk.MemOptions{})
	md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	first := time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC)
	for base, c := range map[string]struct {
		mtime          time.Time
		ident, inspect int64
		foreign        int64
	}{
		"1.other.host":                {time.Unix(0, 0), state.NoDate, state.NoDate, state.NoDate},
		"2.other.host":                {first.Add(-time.Nanosecond), state.NoDate, state.NoDate, state.NoDate},
		"3.other.host":                {first, first.Unix(), first.Unix(), state.NoDate},
		"-2209181400.U1Tx.mailsync":   {time.Unix(0, 0), state.NoDate, state.NoDate, state.NoDate},
		"0.U2Tx.mailsync":             {first, state.NoDate, first.Unix(), state.NoDate},
		"31536000.U3Tx.mailsync":      {time.Unix(0, 0), first.Unix(), state.NoDate, first.Unix()},
		"31535999.U4Tx.mailsync,S=99": {first, state.NoDate, first.Unix(), state.NoDate},
	} {
		name := "cur/" + joinInfo(base, "S")
		if err := writeFile(mem, md.at(name), []byte("Message-ID: <a@b>\n\nx\n")); err != nil {
			t.Fatal(err)
		}
		if err := mem.Chtimes(md.at(name), c.mtime); err != nil {
			t.Fatal(err)
		}
		if id, err := md.Ident(name); err != nil || id.Date != c.ident {
			t.Errorf("%s: identified with %d, %v", base, id.Date, err)
		}
		if got, err := md.Inspect(name, nil); err != nil || got.Date != c.inspect {
			t.Errorf("%s: inspected with %d, %v", base, got.Date, err)
		}
		sn, err := md.Scan(t.Context(), "other", nil, state.NewKeywords(nil))
		if err != nil || len(sn.Foreign) != 1 || sn.Foreign[0].Date != c.foreign {
			t.Errorf("%s: scanned as %+v, %v", base, sn.Foreign, err)
		}
		if err := mem.Remove(md.at(name)); err != nil {
			t.Fatal(err)
		}
	}
}
