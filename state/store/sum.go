package store

import (
	"encoding/binary"
	"hash/crc32"
	"hash/crc64"

	"mailsync/state"
)

// SQLite keeps no checksum of what it stores, and a flipped bit in a row passes its
// integrity check. So every row but a record's carries the CRC-32C of its fields; and so
// that none goes missing, every generation carries the sum, modulo 2^64, of those of its
// proofs, UIDLs, intents and departures, and of the CRC-64 of each of its records: a sum because it
// can be kept right by differences, whatever the order rows come and go in.

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	ecma       = crc64.MakeTable(crc64.ECMA)
)

// fields are the values of a row, laid one after another to be summed up.
type fields []byte

func (f fields) num(values ...int64) fields {
	for _, v := range values {
		f = binary.LittleEndian.AppendUint64(f, uint64(v))
	}
	return f
}

func (f fields) text(values ...string) fields {
	for _, v := range values {
		f = append(f.num(int64(len(v))), v...)
	}
	return f
}

func (f fields) sum() int64 { return int64(crc32.Checksum(f, castagnoli)) }

// sumRecord is a record's share in its generation's sum.
func sumRecord(r *state.Record) uint64 {
	var b [40]byte
	binary.LittleEndian.PutUint32(b[0:], uint32(r.UID))
	b[4], b[5], b[6], b[7] = r.Variant, uint8(r.Status), uint8(r.Form), r.Tries
	binary.LittleEndian.PutUint64(b[8:], uint64(r.Seen))
	binary.LittleEndian.PutUint64(b[16:], uint64(r.Agreed))
	binary.LittleEndian.PutUint64(b[24:], uint64(r.Size))
	binary.LittleEndian.PutUint64(b[32:], uint64(r.Date))
	return crc64.Checksum(b[:], ecma)
}

func sumAccount(a *state.AccountRow, serial int64) int64 {
	return fields(nil).text(a.ID, a.Host, a.User, a.Policy).num(int64(a.Ino), a.Born, number(a.EstimatedSizes), serial).sum()
}

func sumMailbox(m *state.MailboxRow) int64 {
	return fields(nil).num(m.ID).text(m.Raw, m.Path, m.Sep, m.Role, m.MailboxID, m.Use).text(m.Keywords...).sum()
}

func sumGeneration(g *generation) int64 {
	r, t := &g.row, &g.row.Tally
	return fields(nil).num(int64(r.ID), g.box).text(r.Token).num(
		number(r.Current), int64(r.Mark.UIDValidity), int64(r.Mark.UIDNext), int64(r.Mark.ModSeq), int64(r.Mark.Exists),
		int64(r.Disk.CurIno), int64(r.Disk.NewIno), r.Disk.CurBtime, r.Disk.CurCtime, r.Disk.NewCtime, r.Disk.KeywordsCtime, r.Disk.MarkerCtime,
		number(r.Disk.Trusted), number(r.Clean), int64(r.Unsettable), int64(r.Denied), int64(r.Held.OnServer), int64(r.Held.OnDisk), r.Compared, g.records, int64(t.OnServer), int64(t.Here), t.HereBytes,
		int64(t.Outstanding), int64(t.KeptAway), int64(t.Skipped), int64(t.OnlyHere), int64(t.Doubtful), int64(t.Estimated), int64(t.Misfits),
		int64(g.sum), g.proofs, g.uidls, g.intents, g.departs).sum()
}

func sumProof(gen state.GenID, p *state.Proof) int64 {
	f := make(fields, 0, 128).num(int64(gen), int64(p.UID), p.Bytes, number(p.ByServer), p.Fetched)
	return append(f.text(p.EmailID), p.Digest[:]...).sum()
}

func sumUIDL(gen state.GenID, u *state.UIDL) int64 {
	return fields(nil).num(int64(gen), int64(u.UID)).text(u.UIDL).sum()
}

func sumIntent(gen state.GenID, i *state.Intent) int64 {
	f := fields(nil).num(int64(gen), int64(i.UIDNext), int64(i.UID), i.Bytes, int64(i.Flags), int64(i.Agreed), number(i.Confirmed)).text(i.Key)
	return append(f, i.Digest[:]...).sum()
}

func sumDeparture(gen state.GenID, d *state.Departure) int64 {
	return fields(nil).num(int64(gen), int64(d.UID), d.Run).text(d.Root, d.Path).sum()
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
