package maildir_test

import (
	"context"
	"io"
	"strings"
	"syscall"
	"testing"

	"mailsync/backends/maildir"
	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/contract"
	"mailsync/internal/testkit/disktest"
	"mailsync/state"
	"mailsync/sync/port"
)

// treePort makes a Tree meet the engine's interface, whose Open and Create return interfaces.
type treePort struct{ *maildir.Tree }

var (
	_ port.Tree    = treePort{}
	_ port.Maildir = (*maildir.Maildir)(nil)
)

func (p treePort) Open(dir string) (port.Maildir, error) {
	m, err := p.Tree.Open(dir)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func (p treePort) Create(dir string, mk state.Marker) (port.Maildir, error) {
	m, err := p.Tree.Create(dir, mk)
	if err != nil {
		return nil, err
	}
	return m, nil
}

func openReal(t testing.TB) *disk.Real {
	t.Helper()
	r, err := disk.OpenReal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// outside is another mail program at work on the same disk.
type outside struct{ fs disk.FS }

func (o outside) Write(name string, data []byte) error {
	f, err := o.fs.Create(name)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Close()
}

func (o outside) Rename(old, new string) error { return o.fs.Rename(old, new) }
func (o outside) Remove(name string) error     { return o.fs.Remove(name) }

func TestContractReal(t *testing.T) {
	contract.Maildir(t, func(t *testing.T) (port.Tree, contract.Outside) {
		fs := openReal(t)
		return treePort{maildir.Open(fs, maildir.Options{})}, outside{fs}
	})
}

func TestContractMem(t *testing.T) {
	contract.Maildir(t, func(t *testing.T) (port.Tree, contract.Outside) {
		fs := disktest.NewMem(disktest.MemOptions{})
		return treePort{maildir.Open(fs, maildir.Options{Now: fs.Now, Wait: fs.Wait})}, outside{fs}
	})
}

// The coarsest time stamps there are, and no hard links: FAT.
func TestContractWithoutLinks(t *testing.T) {
	contract.Maildir(t, func(t *testing.T) (port.Tree, contract.Outside) {
		fs := disktest.NewMem(disktest.MemOptions{NoLinks: true, Grain: 2e9})
		return treePort{maildir.Open(fs, maildir.Options{Now: fs.Now, Wait: fs.Wait})}, outside{fs}
	})
}

// NFS and FUSE: no rename that refuses to overwrite.
func TestContractWhereRenameOverwrites(t *testing.T) {
	for _, noLinks := range []bool{false, true} {
		for _, err := range []error{syscall.EINVAL, syscall.ENOSYS, syscall.EPERM} {
			contract.Maildir(t, func(t *testing.T) (port.Tree, contract.Outside) {
				fs := disktest.NewMem(disktest.MemOptions{NoLinks: noLinks})
				return treePort{maildir.Open(refusing(fs, err, "rename"), maildir.Options{Now: fs.Now, Wait: fs.Wait})}, outside{fs}
			})
		}
	}
}

const token = "k3vq7d"

func marker(dir string) state.Marker {
	return state.Marker{
		AccountID: "a1", Host: "imap.example.org", User: "ada", Raw: "INBOX", Path: dir,
		Role: state.RoleMailbox, Sep: "/", Generations: []state.MarkerGeneration{{UIDValidity: 7, Token: token}},
	}
}

// memTree is a tree in memory with an INBOX that is durable.
func memTree(t testing.TB) (*disktest.Mem, *maildir.Maildir) {
	t.Helper()
	m := disktest.NewMem(disktest.MemOptions{})
	return m, create(t, m, m)
}

func create(t testing.TB, m *disktest.Mem, fs disk.FS) *maildir.Maildir {
	t.Helper()
	md, err := maildir.Open(fs, maildir.Options{Now: m.Now, Wait: m.Wait}).Create("INBOX", marker("INBOX"))
	if err != nil {
		t.Fatal(err)
	}
	return md
}

func open(t testing.TB, m *disktest.Mem, fs disk.FS) *maildir.Maildir {
	t.Helper()
	md, err := maildir.Open(fs, maildir.Options{Now: m.Now, Wait: m.Wait}).Open("INBOX")
	if err != nil {
		t.Fatal(err)
	}
	return md
}

func deliver(t testing.TB, md *maildir.Maildir, uid state.UID, flags state.Flags, body string) string {
	t.Helper()
	got, err := md.Receive(incoming(uid, flags, body), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	place, err := md.Publish(got, &state.Keywords{})
	name := place.Name
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func incoming(uid state.UID, flags state.Flags, body string) state.Incoming {
	return state.Incoming{UID: uid, Token: token, Flags: flags, Date: 1700000000, Size: int64(len(body))}
}

func scan(t testing.TB, md *maildir.Maildir, expect ...state.UID) *state.DiskSnapshot {
	t.Helper()
	s, err := md.Scan(context.Background(), token, expect, &state.Keywords{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func contents(t testing.TB, fsys disk.FS, name string) string {
	t.Helper()
	f, err := fsys.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := f.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return b.String()
		}
	}
}

// put is another program that delivers a file.
func put(t testing.TB, fsys disk.FS, name, body string) {
	t.Helper()
	if err := (outside{fsys}).Write(name, []byte(body)); err != nil {
		t.Fatal(err)
	}
}

func exists(fsys disk.FS, name string) bool {
	_, err := fsys.Lstat(name)
	return err == nil
}

func names(t testing.TB, fsys disk.FS, dir string) []string {
	t.Helper()
	list, err := fsys.Names(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func readAll(t testing.TB, r io.ReadCloser) string {
	t.Helper()
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
