package servers

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Popa3d starts popa3d, a POP3 server over mbox files with neither CAPA nor TLS, which
// goes to the system's accounts: each of its processes gets its own view of the disk,
// in which those are the users of AddUser. Courier's listener starts one for each
// connection, as inetd would.
func Popa3d(t testing.TB, opts ...Option) *Server {
	t.Helper()
	root, listener := unpacked("popa3d"), filepath.Join(unpacked("courier"), "usr/sbin/couriertcpd")
	need(t, "popa3d", filepath.Join(root, "usr/sbin/popa3d"), listener, "unshare")
	if os.Getuid() != 0 {
		lacking(t, "popa3d needs root")
	}
	return start(t, "popa3d", popa3d{root: root, listener: listener}, opts)
}

// popa3d is the folder its package is unpacked in, and the program that listens for it.
type popa3d struct {
	usual
	root, listener string
}

func (popa3d) addresses(s *Server) []*string { return []*string{&s.POP3} }

func (p popa3d) commands(s *Server) []*exec.Cmd {
	return []*exec.Cmd{exec.Command("unshare", "-m", filepath.Join(s.Dir, "ns.sh"), p.listener,
		"-address=127.0.0.1", "-maxprocs=100", "-maxperip=100", "-nodnslookup", "-noidentlookup", port(s.POP3),
		filepath.Join(p.root, "usr/sbin/popa3d"))}
}

// addUser makes a system account, and its mbox.
func (p popa3d) addUser(s *Server, name string) error {
	passwd, err := os.ReadFile(filepath.Join(s.Dir, "etc/passwd"))
	if err != nil {
		return err
	}
	if strings.Contains(string(passwd), "\n"+name+":") {
		return nil
	}
	for file, line := range map[string]string{
		"passwd": fmt.Sprintf("%s:x:%d:%d::/:/bin/sh\n", name, s.owner.uid, s.owner.gid),
		"shadow": fmt.Sprintf("%s:%s:19000:0:99999:7:::\n", name, secretHash),
	} {
		if err := appendTo(filepath.Join(s.Dir, "etc", file), []byte(line)); err != nil {
			return err
		}
	}
	return p.deliver(s, name, nil)
}

// deliver adds a message to a user's mbox, as a delivery agent does while nobody has it open.
func (popa3d) deliver(s *Server, user string, body []byte) error {
	mbox := filepath.Join(s.Dir, "mail", user)
	var text []byte
	if len(body) > 0 {
		text = fmt.Appendf(nil, "From x@example.org Sun Sep 13 12:26:40 2020\n%s\n", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
	}
	if err := appendTo(mbox, text); err != nil {
		return err
	}
	return s.owner.take(mbox)
}

func appendTo(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

func (p popa3d) write(s *Server) error {
	for _, dir := range []string{"etc/pam.d", "mail"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{
		"etc/passwd":       "root:x:0:0:root:/root:/bin/sh\npopa3d:x:65533:65533::/:/usr/sbin/nologin\n",
		"etc/shadow":       "root:*:19000:0:99999:7:::\npopa3d:*:19000:0:99999:7:::\n",
		"etc/group":        "root:x:0:\npopa3d:x:65533:\nmail:x:8:\nnogroup:x:65534:\n",
		"etc/pam.d/popa3d": "auth required pam_unix.so nodelay\naccount required pam_unix.so\n",
	} {
		path := filepath.Join(s.Dir, name)
		if _, err := os.Stat(path); err == nil {
			continue // with the users of the run before
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	view := strings.NewReplacer("$X", p.root, "$T", s.Dir).Replace(popa3dView)
	return os.WriteFile(filepath.Join(s.Dir, "ns.sh"), []byte(view), 0o755)
}

const popa3dView = `#!/bin/sh
set -e
for f in passwd shadow group pam.d; do
	mount --bind $T/etc/$f /etc/$f
done
mount --bind $T/mail /var/mail
mount -t overlay overlay -o lowerdir=$X/var/lib:/var/lib /var/lib
exec "$@"
`
