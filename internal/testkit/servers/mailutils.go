package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Mailutils starts GNU mailutils' imap4d and pop3d over the same mail: mbox files in
// which they stamp UIDs, flags and unique-ids. It has neither UIDPLUS nor MOVE nor
// keywords, its mailboxes have no mailboxes below them, and it loses what is appended to
// the mailbox that the same session has open. It has no TLS here. Users are those of
// AddUser, who log in with a domain.
func Mailutils(t testing.TB, opts ...Option) *Server {
	t.Helper()
	root := unpacked("mailutils")
	need(t, "GNU mailutils", filepath.Join(root, "usr/sbin/imap4d"), filepath.Join(root, "usr/sbin/pop3d"))
	if os.Getuid() != 0 {
		lacking(t, "GNU mailutils needs root")
	}
	return start(t, "mailutils", mailutils{root: root}, opts)
}

// mailutils is the folder its packages are unpacked in.
type mailutils struct {
	usual
	root string
}

func (mailutils) addresses(s *Server) []*string { return []*string{&s.IMAP, &s.POP3} }

func (mailutils) login(user string) string { return user + "@dom" }

func (m mailutils) commands(s *Server) []*exec.Cmd {
	var all []*exec.Cmd
	for _, daemon := range []string{"imap4d", "pop3d"} {
		cmd := exec.Command(filepath.Join(m.root, "usr/sbin", daemon),
			"--no-site-config", "--config-file="+filepath.Join(s.Dir, daemon+".conf"))
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries(m.root))
		all = append(all, cmd)
	}
	return all
}

// addUser makes INBOX, which has to be there, and the folder of the other mailboxes.
func (mailutils) addUser(s *Server, name string) error {
	home, folders := filepath.Join(s.Dir, "home", name), filepath.Join(s.Dir, "folders", name)
	for _, dir := range []string{home, folders} {
		if err := s.owner.folder(dir); err != nil {
			return err
		}
	}
	inbox := filepath.Join(home, "INBOX")
	f, err := os.OpenFile(inbox, os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := s.owner.take(inbox); err != nil {
		return err
	}
	users := filepath.Join(s.Dir, "pw", "dom")
	text, err := os.ReadFile(users)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if strings.Contains("\n"+string(text), "\n"+name+":") {
		return nil
	}
	text = fmt.Appendf(text, "%s:%s:%d:%d::%s:/bin/sh\n", name, secretHash, s.owner.uid, s.owner.gid, home)
	return os.WriteFile(users, text, 0o600)
}

func (mailutils) write(s *Server) error {
	for _, dir := range []string{"pw", "home", "folders", "spool"} {
		if err := os.MkdirAll(filepath.Join(s.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	for daemon, text := range map[string]string{
		"imap4d": fmt.Sprintf("server %s { tls-mode no; };\n", s.IMAP) + mailutilsConfig + mailutilsFolders,
		"pop3d":  fmt.Sprintf("server %s { tls-mode no; };\n", s.POP3) + mailutilsConfig,
	} {
		text = strings.NewReplacer("$T", s.Dir, "$D", daemon).Replace(text) + s.options.config
		if err := os.WriteFile(filepath.Join(s.Dir, daemon+".conf"), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

const mailutilsConfig = `mode daemon;
foreground yes;
max-children 50;
pidfile "$T/$D.pid";
auth { authentication "generic:virtdomain"; authorization "virtdomain:system"; };
virtdomain { passwd-dir "$T/pw"; };
mailbox { mail-spool "$T/spool"; mailbox-type mbox; };
logging { syslog no; };
`

const mailutilsFolders = `namespace personal {
  prefix "" { directory "$T/folders/$user"; delimiter "/"; mailbox-type mbox; };
};
`
