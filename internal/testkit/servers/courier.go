package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Courier starts a Courier IMAP and POP3 server: one that is old in its ways. It needs
// root, for its paths are compiled in and each process gets its own view of the disk.
// Users are those of AddUser.
func Courier(t testing.TB, opts ...Option) *Server {
	t.Helper()
	root := unpacked("courier")
	need(t, "Courier", filepath.Join(root, "usr/bin/imapd"), "unshare")
	if os.Getuid() != 0 {
		lacking(t, "Courier needs root")
	}
	return start(t, "courier", courier{root: root}, opts)
}

// courier is the folder its packages are unpacked in.
type courier struct {
	usual
	root string
}

// secretHash is Password as crypt(3) stores it, with MD5.
const secretHash = "$1$mailsync$DDkRxo7aMfqJKOvAc9Rj7/"

const courierCapabilities = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"

// inView is a command that runs in Courier's view of the disk.
func (courier) inView(s *Server, args ...string) *exec.Cmd {
	return exec.Command("unshare", append([]string{"-m", filepath.Join(s.Dir, "ns.sh")}, args...)...)
}

func (c courier) commands(s *Server) []*exec.Cmd {
	perIP := 100
	if s.options.sessions > 0 {
		perIP = s.options.sessions
	}
	const lib = "/usr/lib/courier/courier/"
	imap := []string{lib + "imaplogin", "/usr/bin/imapd", "Maildir"}
	pop3 := []string{lib + "courierpop3login", lib + "courierpop3d", "Maildir"}
	withTLS := []string{"/usr/bin/couriertls", "-server", "-tcpd"}
	listen := func(addr string, env []string, program []string) *exec.Cmd {
		args := []string{"/usr/sbin/couriertcpd", "-address=127.0.0.1", "-maxprocs=100",
			fmt.Sprintf("-maxperip=%d", perIP), "-nodnslookup", "-noidentlookup", port(addr)}
		cmd := c.inView(s, append(args, program...)...)
		cmd.Env = append(c.env(s), env...)
		return cmd
	}
	auth := c.inView(s, "/usr/lib/courier/courier-authlib/authdaemond")
	auth.Env = append(c.env(s), courierAuth...)
	return []*exec.Cmd{
		auth,
		listen(s.IMAP, nil, imap),
		listen(s.IMAPS, []string{"IMAP_TLS=1"}, slices.Concat(withTLS, imap)),
		listen(s.POP3, nil, pop3),
		listen(s.POP3S, []string{"POP3_TLS=1", "POP3_STARTTLS=NO"}, slices.Concat(withTLS, pop3)),
	}
}

var courierAuth = []string{
	"authmodulelist=authuserdb", "authmodulelistorig=authuserdb", "daemons=2",
	"authdaemonvar=/run/courier/authdaemon", "DEBUG_LOGIN=0", "DEFAULTOPTIONS=",
}

// env is the whole environment of Courier's processes.
func (courier) env(s *Server) []string {
	capabilities := without(courierCapabilities, s.options.hidden)
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"IMAP_CAPABILITY=" + capabilities, "IMAP_CAPABILITY_TLS=" + capabilities + " AUTH=PLAIN",
		"IMAP_KEYWORDS=1", "IMAP_ACL=0", "IMAP_IDLE_TIMEOUT=60", "IMAP_USELOCKS=1",
		"IMAP_ENHANCEDIDLE=0", "IMAP_EMPTYTRASH=", "MAILDIRPATH=Maildir",
		"TLS_CERTFILE=" + filepath.Join(s.Dir, "server.pem"), "TLS_TRUSTCERTS=" + filepath.Join(s.Dir, "ca.pem"),
		"TLS_VERIFYPEER=NONE", "COURIERTLS=/usr/bin/couriertls", "IMAP_STARTTLS=YES", "POP3_STARTTLS=YES",
		"IMAP_TLS_REQUIRED=0", "POP3_TLS_REQUIRED=0", "POP3AUTH=PLAIN LOGIN", "POP3AUTH_TLS=PLAIN LOGIN",
	}
	return append(env, strings.FieldsFunc(s.options.config, func(r rune) bool { return r == '\n' })...)
}

func (c courier) addUser(s *Server, name string) error {
	maildir := c.maildir(s, name)
	for _, dir := range []string{"", "cur", "new", "tmp"} {
		if err := s.owner.folder(filepath.Join(maildir, dir)); err != nil {
			return err
		}
	}
	home := filepath.Dir(maildir)
	if err := s.owner.take(home); err != nil {
		return err
	}
	if s.options.quotaBytes > 0 {
		size := filepath.Join(maildir, "maildirsize")
		line := fmt.Sprintf("%dS,%dC\n", s.options.quotaBytes, s.options.quotaMessages)
		if err := os.WriteFile(size, []byte(line), 0o644); err != nil {
			return err
		}
		if err := s.owner.take(size); err != nil {
			return err
		}
	}
	users := filepath.Join(s.Dir, "etc/courier/userdb")
	text, err := os.ReadFile(users)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if strings.HasPrefix(string(text), name+"\t") || strings.Contains(string(text), "\n"+name+"\t") {
		return nil
	}
	line := fmt.Sprintf("%s\tuid=%d|gid=%d|home=%s|mail=%s|systempw=%s\n", name, s.owner.uid, s.owner.gid, home, maildir, secretHash)
	if err := os.WriteFile(users, append(text, line...), 0o600); err != nil {
		return err
	}
	cmd := c.inView(s, "makeuserdb", "-f", users)
	cmd.Env = c.env(s)
	if out, err := Output(cmd); err != nil {
		return fmt.Errorf("makeuserdb: %w %s", err, out)
	}
	return nil
}

func (courier) maildir(s *Server, user string) string {
	return filepath.Join(s.Dir, "mail", user, "Maildir")
}

// socket is where the log-in daemon listens: the other processes greet without it.
func (courier) socket(s *Server) string {
	return filepath.Join(s.Dir, "run/courier/authdaemon/socket")
}

func (c courier) write(s *Server) error {
	// A socket of the last run would look as if it were there already.
	if err := os.RemoveAll(filepath.Join(s.Dir, "run")); err != nil {
		return err
	}
	for _, dir := range []string{"etc/courier", "run/courier/authdaemon", "mail"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := s.owner.take(filepath.Join(s.Dir, "mail")); err != nil {
		return err
	}
	if err := s.owner.take(filepath.Join(s.Dir, "server.pem")); err != nil {
		return err
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return err
	}
	passwd = append(passwd, "courier:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"...)
	view := strings.NewReplacer("$X", c.root, "$T", s.Dir).Replace(courierView)
	for _, f := range []struct {
		name, text string
		mode       os.FileMode
	}{
		{"etc/passwd", string(passwd), 0o644},
		{"etc/courier/authdaemonrc", strings.Join(courierAuth, "\n") + "\n", 0o644},
		{"ns.sh", view, 0o755},
	} {
		if err := os.WriteFile(filepath.Join(s.Dir, f.name), []byte(f.text), f.mode); err != nil {
			return err
		}
	}
	return nil
}

const courierView = `#!/bin/sh
set -e
mount -t overlay overlay -o lowerdir=$X/usr:/usr /usr
mount -t overlay overlay -o lowerdir=$T/etc:$X/etc:/etc /etc
mount --bind $T/run /run
exec "$@"
`
