package maildir_test

import (
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

// refusing is a disk on which calls of some kinds end with err.
func refusing(under disk.FS, err error, kinds ...string) disk.FS {
	return disktest.FailWhen(under, func(_ int, call string) error {
		for _, kind := range kinds {
			if strings.HasPrefix(call, kind+" ") {
				return err
			}
		}
		return nil
	})
}

// File systems without hard links, and kernels that forbid them, say so with one of several errors.
func TestContractWhereLinksAreRefused(t *testing.T) {
	for _, err := range []error{syscall.EPERM, syscall.EACCES} {
		contract.Maildir(t, func(t *testing.T) (port.Tree, contract.Outside) {
			fs := disktest.NewMem(disktest.MemOptions{})
			return treePort{maildir.Open(refusing(fs, err, "link"), maildir.Options{Now: fs.Now, Wait: fs.Wait})}, outside{fs}
		})
	}
}

// Where nothing may be written, it is said what to look at.
func TestNotPermittedHasAHint(t *testing.T) {
	m, _ := memTree(t)
	md := open(t, m, refusing(m, syscall.EACCES, "link", "rename"))
	got, err := md.Receive(incoming(1, 0, "body"), strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err = md.Publish(got, state.NewKeywords(nil)); state.KindOf(err) != state.Storage || state.HintOf(err) == "" {
		t.Errorf("%v, hint %q", err, state.HintOf(err))
	}
}
