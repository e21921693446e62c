package maildir

import (
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/disktest"
	"mailsync/state"
)

// Times of files, and dates in the names of files, that are the zero of some clock say nothing.
func TestDatesOfFilesThatAreNone(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
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

// What tells of a message's date beside the mtime.
func TestDatesInNamesAndHeaders(t *testing.T) {
	mem := disktest.NewMem(disktest.MemOptions{})
	md, err := Open(mem, Options{Now: mem.Now, Wait: mem.Wait}).Create("INBOX", state.Marker{})
	if err != nil {
		t.Fatal(err)
	}
	const received, written = 1500000000, 1499999940
	header := "Received: from a by b;\n\tFri, 14 Jul 2017 02:40:00 +0000\nReceived: from c by a; Fri, 14 Jul 2000 02:40:00 +0000\nDate: Fri, 14 Jul 2017 02:39:00 +0000\n\n"
	for base, c := range map[string]struct {
		text                     string
		named, received, written int64
	}{
		"1300000000.M1P2.host":                 {header, 1300000000, received, written},
		"1300000000_0.1.host,U=1,FMD5=x":       {header[len(header)/2:], 1300000000, state.NoDate, written},
		"13.host":                              {"Date: yesterday\nReceived: by night\n\nDate: Fri, 14 Jul 2017 02:39:00 +0000\n", state.NoDate, state.NoDate, state.NoDate},
		"1300000000":                           {"", state.NoDate, state.NoDate, state.NoDate},
		"31535999.M1.host":                     {"Date: Thu, 1 Jan 1970 00:00:00 +0000\n", state.NoDate, state.NoDate, state.NoDate},
		"1300000000.U3Tx.mailsync,S=179,W=184": {header, state.NoDate, received, written},
	} {
		name := "cur/" + joinInfo(base, "S")
		if err := writeFile(mem, md.at(name), []byte(c.text)); err != nil {
			t.Fatal(err)
		}
		id, err := md.Ident(name)
		if ours := strings.Contains(base, ownTag); err != nil || id.Mtime == ours || id.Named != c.named || id.Received != c.received || id.Written != c.written {
			t.Errorf("%s: %+v, %v", base, id, err)
		}
	}
}
