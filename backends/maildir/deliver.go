package maildir

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"strings"
	"sync"
	"sync/atomic"
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
	tmp   *tmp
	file  disk.File
	lines shrinker
	sum   hash.Hash
	got   state.Received // so far; FormLF as long as nothing shows that this is not it
}

// Receive writes a body to tmp/ in its form, counted, digested, dated, fsynced and
// closed. A body without a date gets the time it arrived. Memory does not grow with the body. On an error
// nothing is left, as far as the disk allows; Tidy removes what is left nevertheless. A body that holds
// fewer or more octets than in.Size is an error, unless that is -1.
func (m *Maildir) Receive(in state.Incoming, body io.Reader) (state.Received, error) {
	in.Date = m.t.arrival(in.Date) // once, so that the name and the file's time are the same
	d := &delivery{tmp: m.tmp, sum: sha256.New(), got: state.Received{Incoming: in, Form: state.FormLF}}
	err := d.create()
	if err == nil {
		err = d.receive(body)
	}
	if err == nil {
		err = d.finish()
	}
	if err != nil {
		d.drop()
		return state.Received{}, err
	}
	if !d.lines.ends {
		d.got.Form = state.FormRaw
	}
	d.sum.Sum(d.got.Digest[:0])
	return d.got, nil
}

func (d *delivery) create() (err error) {
	d.got.Tmp, d.file, err = d.tmp.create()
	return err
}

// path is where the file is.
func (d *delivery) path() string { return d.tmp.in(d.got.Tmp) }

// drop removes what was written. Its own errors are dropped: it is called after one.
func (d *delivery) drop() {
	if d.file != nil {
		d.file.Close()
	}
	d.tmp.drop(d.got.Tmp)
}

func (d *delivery) receive(body io.Reader) error {
	b := pool.Get().(*buffers)
	defer pool.Put(b)
	got := &d.got
	for last := false; !last; {
		p, end, err := chunkOf(body, b.in)
		if err != nil {
			return fmt.Errorf("read body after %d octets: %w", got.Bytes+int64(len(p)), err)
		}
		last = end
		if got.Bytes == 0 {
			got.Headed = headed(p)
		}
		d.sum.Write(p)
		if err := d.chunk(b, p, last); err != nil {
			return err
		}
		got.Bytes += int64(len(p))
		if got.Size >= 0 && got.Bytes > got.Size {
			return fmt.Errorf("body is longer than the %d octets that were announced", got.Size)
		}
	}
	if got.Size >= 0 && got.Bytes < got.Size {
		return fmt.Errorf("body ended after %d of %d octets: %w", got.Bytes, got.Size, io.ErrUnexpectedEOF)
	}
	return nil
}

// chunkOf returns the next bytes of a body, which are its own if it is in memory, and else in buf; last is set with its end.
func chunkOf(body io.Reader, buf []byte) (p []byte, last bool, err error) {
	if m, ok := body.(*bytes.Buffer); ok {
		p = m.Next(len(buf))
		return p, m.Len() == 0, nil
	}
	n, last, err := readChunk(body, buf)
	return buf[:n], last, err
}

// chunk writes the next bytes of the body in the form that holds so far.
func (d *delivery) chunk(b *buffers, p []byte, last bool) error {
	if d.got.Form == state.FormLF {
		pending := d.lines.cr
		var ok bool
		b.out, ok = d.lines.shrink(b.out[:0], p)
		if ok && (!last || !d.lines.cr) {
			_, err := d.Write(b.out)
			return err
		}
		if err := d.restart(pending); err != nil {
			return err
		}
	}
	_, err := d.Write(p)
	return err
}

// restart begins again byte for byte: the first bare CR or LF has shown. pending reports
// that a CR was received that is not in the file yet.
func (d *delivery) restart(pending bool) error {
	d.got.Form = state.FormRaw
	if d.got.OnDisk > 0 {
		if err := d.rewrite(); err != nil {
			return err
		}
	}
	if pending {
		if _, err := d.Write([]byte{'\r'}); err != nil {
			return err
		}
	}
	if d.got.OnDisk != d.got.Bytes {
		return fault(io.ErrUnexpectedEOF, "read back %d of %d octets in %s", d.got.OnDisk, d.got.Bytes, d.tmp.at(dirTmp))
	}
	return nil
}

// rewrite copies what was written so far to another file, byte for byte as it was received.
func (d *delivery) rewrite() error {
	name, old := d.got.Tmp, d.path()
	if err := d.file.Close(); err != nil {
		return fault(err, "close %s", old)
	}
	d.file = nil
	defer d.tmp.drop(name)
	r, err := d.tmp.fs.Open(old)
	if err != nil {
		return fault(err, "read back %s", old)
	}
	defer r.Close()
	if err := d.create(); err != nil {
		return err
	}
	d.got.OnDisk = 0
	if _, err := io.Copy(d, newExpander(r)); err != nil {
		return fault(err, "read back %s", old)
	}
	return nil
}

// Write appends to the file.
func (d *delivery) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := d.file.Write(p)
	if err != nil {
		return n, fault(err, "write %s", d.path())
	}
	d.got.OnDisk += int64(n)
	return n, nil
}

// finish dates, fsyncs and closes the file.
func (d *delivery) finish() error {
	if err := d.file.Chtimes(fileTime(d.got.Date)); err != nil {
		return fault(err, "date %s", d.path())
	}
	if err := d.file.Sync(); err != nil {
		return fault(err, "sync %s", d.path())
	}
	file := d.file
	d.file = nil
	if err := file.Close(); err != nil {
		return fault(err, "close %s", d.path())
	}
	return nil
}

// arrival is a message's date, or now for one without a date.
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
func (m *Maildir) Discard(in state.Received) { m.tmp.drop(in.Tmp) }

// tmp is where bodies are until they have a final name.
type tmp struct {
	*folders

	mu   sync.Mutex
	left []string // files that could not be removed
}

const tmpPrefix = "mailsync-tmp."

var (
	pid    = os.Getpid()
	serial atomic.Uint64 // of the names that this process gives
)

// newName is a name for tmp/ that no other program gives and no other run gave: Tidy
// recognizes it by its beginning.
func (t *tmp) newName() string {
	return fmt.Sprintf("%s%d.%d.%d", tmpPrefix, t.opts.Now().UnixNano(), pid, serial.Add(1))
}

// create makes a new file.
func (t *tmp) create() (name string, file disk.File, err error) {
	name = t.newName()
	if file, err = t.fs.Create(t.in(name)); err != nil {
		return "", nil, fault(err, "create file in %s", t.at(dirTmp))
	}
	return name, file, nil
}

// in is the path of a name in tmp/.
func (t *tmp) in(name string) string { return t.at(path.Join(dirTmp, name)) }

// Tidy removes what earlier runs of ours left in tmp/. The caller holds the lock, so no
// other run is writing there. Other programs' files are theirs. A Maildir without tmp/
// gets one.
func (m *Maildir) Tidy() error {
	dir := m.at(dirTmp)
	names, err := m.fs.Names(dir)
	if isNotExist(err) {
		if err := mkdir(m.fs, dir); err != nil {
			return fault(err, "make %s", dir)
		}
		return nil
	}
	if err != nil {
		return fault(err, "read %s", dir)
	}
	for _, name := range names {
		if !strings.HasPrefix(name, tmpPrefix) {
			continue
		}
		if err := m.tmp.remove(name); err != nil {
			return err
		}
	}
	return nil
}

func (t *tmp) remove(name string) error {
	if err := t.fs.Remove(t.in(name)); err != nil && !isNotExist(err) {
		return fault(err, "remove leftover %s", t.in(name))
	}
	return nil
}

// drop removes a file of ours, if it has a name, that is not needed in tmp/ any more. What cannot be removed
// now, the next Sync removes.
func (t *tmp) drop(name string) {
	if name == "" || t.remove(name) == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = append(t.left, name)
}

// dropLeft tries once more what drop could not.
func (t *tmp) dropLeft() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.left) > 0 {
		if err := t.remove(t.left[0]); err != nil {
			return err
		}
		t.left = t.left[1:]
	}
	return nil
}

// give moves a file of tmp/ to a name that must be free.
func (t *tmp) give(name, new string) error {
	linked, err := give(t.fs, t.in(name), new)
	if linked {
		t.drop(name)
	}
	return err
}
