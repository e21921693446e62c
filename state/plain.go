package state

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
)

// InWords is an error that says something in words of our own and wraps its cause, whose text does
// not appear.
func InWords(cause error, format string, args ...any) error {
	return &inWords{fmt.Sprintf(format, args...), cause}
}

type inWords struct {
	text  string
	cause error
}

func (w *inWords) Error() string { return w.text }
func (w *inWords) Unwrap() error { return w.cause }

// Plain is err with the text that PlainText gives it. nil is nil.
func Plain(err error) error {
	if err == nil {
		return nil
	}
	if text := PlainText(err); text != err.Error() {
		return InWords(err, "%s", text)
	}
	return err
}

// PlainText is the text of an error with what the system says in it in words that a user knows: no names
// of system calls and packages, no addresses of a connection's ends, nothing twice in a row.
func PlainText(err error) string {
	if err == nil {
		return ""
	}
	return once(words(err))
}

func words(err error) string {
	if text := systemWords(err); text != "" {
		return text
	}
	var causes []error
	switch e := err.(type) {
	case *inWords:
	case interface{ Unwrap() error }:
		causes = []error{e.Unwrap()}
	case interface{ Unwrap() []error }:
		causes = e.Unwrap()
	}
	text := err.Error()
	for _, cause := range causes {
		if cause == nil || cause.Error() == "" {
			continue
		}
		// What an error is about stands before its cause.
		if at := strings.LastIndex(text, cause.Error()); at >= 0 {
			text = text[:at] + words(cause) + text[at+len(cause.Error()):]
		}
	}
	if rest, ok := strings.CutPrefix(text, "tls: "); ok {
		return "TLS: " + rest
	}
	return text
}

// systemWords are the words for an error of the system itself; "" for any other.
func systemWords(err error) string {
	switch err {
	case os.ErrDeadlineExceeded, context.DeadlineExceeded:
		return "no answer in time"
	case context.Canceled:
		return "interrupted"
	case io.EOF, io.ErrUnexpectedEOF:
		return "it ended too early"
	case net.ErrClosed:
		return "connection closed"
	case os.ErrClosed:
		return "closed already"
	}
	switch e := err.(type) {
	case *net.DNSError:
		if e.IsNotFound {
			return "no such host"
		}
		return "the name server does not answer"
	case *fs.PathError:
		return join(doing(e.Op), e.Path, words(e.Err))
	case *os.LinkError:
		return join(doing(e.Op), e.Old+" to "+e.New, words(e.Err))
	case *os.SyscallError:
		return words(e.Err)
	case *net.OpError:
		return words(e.Err)
	case syscall.Errno:
		return number(everywhere(e))
	}
	return ""
}

func join(what, on, why string) string {
	if on == "" {
		return what + ": " + why
	}
	return what + " " + on + ": " + why
}

// everywhere is an error of a connection as other systems number it: Windows has numbers of its own, which are
// higher than any other system's.
func everywhere(e syscall.Errno) syscall.Errno {
	switch e {
	case 10051:
		return syscall.ENETUNREACH
	case 10053:
		return syscall.ECONNABORTED
	case 10054:
		return syscall.ECONNRESET
	case 10060:
		return syscall.ETIMEDOUT
	case 10061:
		return syscall.ECONNREFUSED
	case 10065:
		return syscall.EHOSTUNREACH
	}
	return e
}

// number is what an error of a connection means. For those of files the system's own words are good.
func number(e syscall.Errno) string {
	switch e {
	case syscall.ECONNREFUSED:
		return "connection refused"
	case syscall.ECONNRESET, syscall.ECONNABORTED:
		return "connection reset by the other side"
	case syscall.EPIPE:
		return "connection closed by the other side"
	case syscall.ETIMEDOUT:
		return "no answer in time"
	case syscall.EHOSTUNREACH:
		return "no route to the host"
	case syscall.ENETUNREACH:
		return "the network cannot be reached"
	}
	return e.Error()
}

// doing is what a system call does.
func doing(op string) string {
	switch op {
	case "openat", "openfdat", "opendir", "fdopendir", "CreateFile":
		return "open"
	case "mkdirat", "mkdir":
		return "make folder"
	case "renameat", "renameat2":
		return "rename"
	case "linkat":
		return "link"
	case "unlinkat", "unlink", "remove", "RemoveAll":
		return "delete"
	case "stat", "lstat", "fstat", "statat", "fstatat", "lstatat", "newfstatat", "readdir", "readdirent", "getdents64", "readdirentries":
		return "read"
	case "fsync", "sync", "fdatasync":
		return "write"
	case "chtimes", "chtimesat", "utimensat", "futimes":
		return "set the time of"
	case "chmod", "chmodat", "fchmodat", "fchmod":
		return "set the mode of"
	case "readlink", "readlinkat":
		return "read link"
	case "fork/exec":
		return "run"
	}
	return op
}

// once removes what a text says twice: "open x: open x", "read: read /x", "create file in cur: open /x/cur/1".
func once(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		parts := strings.Split(line, ": ")
		kept := parts[:1]
		for _, part := range parts[1:] {
			last := kept[len(kept)-1]
			switch both := inFull(last, part); {
			case part == last:
			case strings.HasPrefix(part, last+" ") && !strings.Contains(last, " "):
				kept[len(kept)-1] = part
			case both != "":
				kept[len(kept)-1] = both
			default:
				kept = append(kept, part)
			}
		}
		lines[i] = strings.Join(kept, ": ")
	}
	return strings.Join(lines, "\n")
}

// inFull is what was done to a path, where what follows names that path in full, or one below it; "" where
// it is about something else.
func inFull(what, next string) string {
	_, full, ok := strings.Cut(next, " /")
	if !ok {
		return ""
	}
	full = "/" + full
	for at := range len(what) {
		if what[at] != ' ' {
			continue
		}
		path := what[at+1:]
		if path == full {
			return what
		}
		begins := strings.Index(full, "/"+path)
		if begins < 0 || !strings.Contains(path, "/") {
			continue
		}
		ends := begins + 1 + len(path)
		if ends == len(full) || full[ends] == '/' && !strings.Contains(full[ends+1:], "/") {
			return what[:at+1] + full[:ends]
		}
	}
	return ""
}
