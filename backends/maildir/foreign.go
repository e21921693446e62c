package maildir

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"mailsync/backends/maildir/disk"
	"mailsync/state"
)

// What was in a root before it was ours always stays others': the file mailsync.foreign at
// the root names those Maildirs. It is in the tree and not with the state, for it has to
// outlast the state. Its text is like a marker's:
//
//	mailsync-foreign 1
//	maildir "Archive/2024" 131080 1700000000000000000
//	end "5cf1…"
//
// The numbers are inode and birth time of the Maildir's cur, 0 where they are not known: one
// that was renamed since is known by them.
const (
	foreignFile  = "mailsync.foreign"
	foreignMagic = "mailsync-foreign 1\n"
	maxForeign   = 64 << 20
)

// others are those Maildirs, as far as they are known by now.
type others struct {
	fs     disk.FS
	layout Layout

	mu   sync.Mutex
	list []state.ForeignMaildir
	read bool // the list has those of the file
}

// load reads the file, once. That it cannot be read is an error: what
// it names would be appended.
func (o *others) load() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.read {
		return nil
	}
	list, err := readForeign(o.fs)
	if err == nil {
		o.list, o.read = append(o.list, list...), true
	}
	return err
}

func (o *others) add(list []state.ForeignMaildir, permanently bool) error {
	if err := o.load(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, list...)
	if !permanently {
		return nil
	}
	if err := replaceFile(o.fs, foreignFile+".new", foreignFile, []byte(formatForeign(o.list)), nil); err != nil {
		return fault(err, "write %s", foreignFile)
	}
	return nil
}

func (o *others) any(is func(state.ForeignMaildir) bool) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.ContainsFunc(o.list, is)
}

// at reports whether one of them is at the path.
func (o *others) at(p string) bool {
	return o.any(func(f state.ForeignMaildir) bool { return f.Path == p })
}

// cover reports whether one of them is at the path or above it.
func (o *others) cover(p string) bool {
	return o.any(func(f state.ForeignMaildir) bool {
		below := f.Path != "." && (strings.HasPrefix(p, f.Path+"/") || o.layout == PlusPlus && strings.HasPrefix(p, f.Path+"."))
		return p == f.Path || below
	})
}

// moved reports whether the Maildir at the path is one that was at another path.
func (o *others) moved(p string) bool {
	info, err := o.fs.Lstat(path.Join(p, dirCur))
	return err == nil && info.Btime != 0 && o.any(func(f state.ForeignMaildir) bool {
		return f.CurIno == info.Ino && f.CurBtime == info.Btime
	})
}

// LeaveAlone makes these Maildirs others': no mailbox is placed where one is, and Unmarked does not
// return them. permanently adds them durably to the file; otherwise it is so for this
// Tree alone. It fails where a mailbox has to be where one of them is.
func (t *Tree) LeaveAlone(list []state.ForeignMaildir, permanently bool) error {
	for _, f := range list {
		if f.Path == "." && t.opts.Layout == PlusPlus {
			return state.Faultf(state.Storage, "the maildir is itself a Maildir that mailsync did not make, and INBOX would have to be in it").
				WithHint("give the account another maildir, or layout = \"fs\"")
		}
	}
	return t.others.add(list, permanently)
}

func readForeign(fsys disk.FS) ([]state.ForeignMaildir, error) {
	text, err := readFile(fsys, foreignFile, maxForeign)
	if isNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fault(err, "read %s", foreignFile)
	}
	list, err := parseForeign(string(text))
	if err != nil {
		return nil, state.Faultf(state.Storage, "%s at the root of the maildir: %w", foreignFile, err).
			WithHint("bring it back from a backup: it names the Maildirs that are never appended or changed")
	}
	return list, nil
}

func formatForeign(list []state.ForeignMaildir) string {
	var b strings.Builder
	b.WriteString(foreignMagic)
	for _, f := range list {
		fmt.Fprintf(&b, "maildir %+q %d %d\n", f.Path, f.CurIno, f.CurBtime)
	}
	return sealed(b.String())
}

var errForeign = errors.New("it is damaged")

func parseForeign(text string) (list []state.ForeignMaildir, err error) {
	body, intact := unsealed(text)
	body, ours := strings.CutPrefix(body, foreignMagic)
	if !intact || !ours {
		return nil, errForeign
	}
	for line := range strings.Lines(body) {
		var f state.ForeignMaildir
		if n, err := fmt.Sscanf(line, "maildir %q %d %d\n", &f.Path, &f.CurIno, &f.CurBtime); n != 3 || err != nil || !fs.ValidPath(f.Path) {
			return nil, errForeign
		}
		list = append(list, f)
	}
	return list, nil
}
