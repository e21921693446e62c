package state

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestPlainText(t *testing.T) {
	denied := &fs.PathError{Op: "openat", Path: "/m/INBOX/cur", Err: syscall.EACCES}
	reset := &net.OpError{Op: "read", Net: "tcp", Err: &os.SyscallError{Syscall: "read", Err: syscall.ECONNRESET}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("x: y"), "x: y"},
		{denied, "open /m/INBOX/cur: permission denied"},
		{fmt.Errorf("read INBOX/cur: %w", denied), "read /m/INBOX/cur: permission denied"},
		{fmt.Errorf("create file in INBOX/cur: %w", &fs.PathError{Op: "open", Path: "/m/INBOX/cur/1", Err: syscall.ENOSPC}), "create file in /m/INBOX/cur: no space left on device"},
		{fmt.Errorf("look at Sent Items/cur: %w", &fs.PathError{Op: "lstat", Path: "/m/Sent Items/cur", Err: syscall.EIO}), "look at /m/Sent Items/cur: input/output error"},
		{fmt.Errorf("read INBOX/cur: %w", &fs.PathError{Op: "open", Path: "/m/Other/cur", Err: syscall.EIO}), "read INBOX/cur: open /m/Other/cur: input/output error"},
		{fmt.Errorf("read: %w", &fs.PathError{Op: "read", Path: "/m/x", Err: syscall.EIO}), "read /m/x: input/output error"},
		{&fs.PathError{Op: "read", Path: "/m/x", Err: &fs.PathError{Op: "read", Path: "/m/x", Err: syscall.EIO}}, "read /m/x: input/output error"},
		{&os.LinkError{Op: "renameat", Old: "/a", New: "/b", Err: syscall.EXDEV}, "rename /a to /b: invalid cross-device link"},
		{Faultf(Storage, "maildir: %w", &fs.PathError{Op: "mkdirat", Path: "/m", Err: syscall.EROFS}), "maildir: make folder /m: read-only file system"},
		{Faultf(Unreachable, "connect to h:1: %w", &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "x", Name: "h", Server: "127.0.0.53:53", IsNotFound: true}}), "connect to h:1: no such host"},
		{fmt.Errorf("a: %w", reset), "a: connection reset by the other side"},
		{errors.Join(fmt.Errorf("a: %w", reset), fmt.Errorf("b: %w", context.DeadlineExceeded)), "a: connection reset by the other side\nb: no answer in time"},
		{fmt.Errorf("a: %w (%w)", io.ErrUnexpectedEOF, os.ErrDeadlineExceeded), "a: it ended too early (no answer in time)"},
		{fmt.Errorf("fetch: %w", context.Canceled), "fetch: interrupted"},
		{fmt.Errorf("a: %w", tls.RecordHeaderError{Msg: "oversized record"}), "a: TLS: oversized record"},
		{InWords(reset, "the server is gone"), "the server is gone"},
		{fmt.Errorf("a: %w", InWords(reset, "the server is gone")), "a: the server is gone"},
	} {
		if got := PlainText(c.err); got != c.want {
			t.Errorf("%v\nis %q\nwant %q", c.err, got, c.want)
		}
		if plain := Plain(c.err); plain != nil && (plain.Error() != c.want || !errors.Is(plain, c.err)) {
			t.Errorf("Plain of %v is %v", c.err, plain)
		}
	}
	if !errors.Is(InWords(reset, "x"), syscall.ECONNRESET) {
		t.Error("the cause is gone")
	}
}
