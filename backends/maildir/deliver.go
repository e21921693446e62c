package maildir

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// Most messages fit one chunk: their form is known before the first byte is written.
const chunkSize = 64 << 10

type buffers struct{ in, out []byte }

var pool = sync.Pool{New: func() any {
	return &buffers{in: make([]byte, chunkSize), out: make([]byte, 0, chunkSize+1)}
}}

// delivery is one body on its way into tmp/.
type delivery struct {
	tmp    *tmp
	name   string // in tmp/
	file   disk.File
	form   state.Form // FormLF as long as nothing speaks against it
	lines  shrinker
	sum    hash.Hash
	bytes  int64 // that came
	headed bool  // they begin with a header field
	onDisk int64 // that were written
}

// Receive writes a body to tmp/ in its form, counted, digested, dated, fsynced and
// closed. A body without a date gets the time it came. Memory does not grow with the body. On an error nothing is left, as far as
// the disk lets us; what is left nevertheless Tidy removes. A body that holds fewer or
// more octets than in.Size is an error, unless that is -1.
func (m *Maildir) Receive(in state.Incoming, body io.Reader) (state.Received, error) {
	in.Date = m.t.arrival(in.Date) // once, so that the name and the file's time tell the same
	d := &delivery{tmp: m.tmp, form: state.FormLF, sum: sha256.New()}
	if err := d.create(); err != nil {
		return state.Received{}, err
	}
	if err := d.write(in, body); err != nil {
		d.drop()
		return state.Received{}, err
	}
	if err := d.finish(in); err != nil {
		d.drop()
		return state.Received{}, err
	}
	if !d.lines.ends {
		d.form = state.FormRaw
	}
	got := state.Received{Incoming: in, Tmp: d.name, Bytes: d.bytes, OnDisk: d.onDisk, Form: d.form, Headed: d.headed}
	d.sum.Sum(got.Digest[:0])
	return got, nil
}

func (d *delivery) create() (err error) {
	d.name, d.file, err = d.tmp.create()
	return err
}

// drop removes what was written. It has nothing to say: the error that led here does.
func (d *delivery) drop() {
	if d.file != nil {
		d.file.Close()
	}
	d.tmp.drop(d.name)
}

func (d *delivery) write(in state.Incoming, body io.Reader) error {
	b := pool.Get().(*buffers)
	defer pool.Put(b)
	for last := false; !last; {
		n, end, err := readChunk(body, b.in)
		if err != nil {
			return fmt.Errorf("read body after %d octets: %w", d.bytes+int64(n), err)
		}
		last = end
		if d.bytes == 0 {
			d.headed = headed(b.in[:n])
		}
		d.sum.Write(b.in[:n])
		if err := d.chunk(b, b.in[:n], last); err != nil {
			return err
		}
		d.bytes += int64(n)
		if in.Size >= 0 && d.bytes > in.Size {
			return fmt.Errorf("body goes on after the %d octets that were announced", in.Size)
		}
	}
	if in.Size >= 0 && d.bytes < in.Size {
		return fmt.Errorf("body ended after %d of %d octets: %w", d.bytes, in.Size, io.ErrUnexpectedEOF)
	}
	return nil
}

// chunk writes the next bytes of the body in the form that holds so far.
func (d *delivery) chunk(b *buffers, p []byte, last bool) error {
	if d.form == state.FormRaw {
		return d.put(p)
	}
	held := d.lines.cr
	var ok bool
	b.out, ok = d.lines.shrink(b.out[:0], p)
	if ok && (!last || d.lines.whole()) {
		return d.put(b.out)
	}
	if err := d.restart(held); err != nil {
		return err
	}
	return d.put(p)
}

// restart begins again byte for byte: the first bare CR or LF has shown. held says that
// a CR came which is not in the file yet.
func (d *delivery) restart(held bool) error {
	d.form = state.FormRaw
	if d.onDisk > 0 {
		if err := d.rewrite(); err != nil {
			return err
		}
	}
	if held {
		if err := d.put([]byte{'\r'}); err != nil {
			return err
		}
	}
	if d.onDisk != d.bytes {
		return fault(io.ErrUnexpectedEOF, "read back %d of %d octets in %s", d.onDisk, d.bytes, d.tmp.at(dirTmp))
	}
	return nil
}

// rewrite copies what was written so far to another file as it came, and goes on there.
func (d *delivery) rewrite() error {
	old := *d
	if err := old.file.Close(); err != nil {
		return fault(err, "close %s", d.tmp.in(d.name))
	}
	d.file = nil
	defer d.tmp.drop(old.name)
	r, err := d.tmp.fs.Open(d.tmp.in(old.name))
	if err != nil {
		return fault(err, "read back %s", d.tmp.in(old.name))
	}
	defer r.Close()
	if err := d.create(); err != nil {
		return err
	}
	d.onDisk = 0
	buf := make([]byte, 32<<10)
	for prefix := newExpander(r); ; {
		n, err := prefix.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fault(err, "read back %s", d.tmp.in(old.name))
		}
		if err := d.put(buf[:n]); err != nil {
			return err
		}
	}
}

func (d *delivery) put(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	n, err := d.file.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fault(err, "write %s", d.tmp.in(d.name))
	}
	d.onDisk += int64(n)
	return nil
}

// finish dates, fsyncs and closes the file.
func (d *delivery) finish(in state.Incoming) error {
	name := d.tmp.in(d.name)
	if err := d.tmp.fs.Chtimes(name, fileTime(in.Date)); err != nil {
		return fault(err, "date %s", name)
	}
	if err := d.file.Sync(); err != nil {
		return fault(err, "sync %s", name)
	}
	file := d.file
	d.file = nil
	if err := file.Close(); err != nil {
		return fault(err, "close %s", name)
	}
	return nil
}

// arrival is a message's date, or the time it came where it has none.
func (t *Tree) arrival(date int64) int64 {
	if date == state.NoDate {
		return t.opts.Now().Unix()
	}
	return date
}

// fileTime keeps a date that a server made up inside what file systems can hold.
func fileTime(date int64) time.Time {
	const lastSecond = 1<<34 - 1 // of the year 2514, as far as ext4 goes
	return time.Unix(min(max(date, 0), lastSecond), 0)
}

// Discard drops a received body.
func (m *Maildir) Discard(in state.Received) {
	if in.Tmp != "" {
		m.tmp.drop(in.Tmp)
	}
}
