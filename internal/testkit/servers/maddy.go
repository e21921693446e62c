package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Maddy starts maddy, an IMAP server over SQLite whose dialect is a Go library's: no
// UIDPLUS, an APPENDLIMIT of 0 that is none, roles in LIST that it does not announce.
// Users are those of AddUser, who log in with a domain.
func Maddy(t testing.TB, opts ...Option) *Server {
	t.Helper()
	program := filepath.Join(unpacked("maddy"), "maddy")
	need(t, "maddy", program)
	return start(t, "maddy", maddy{program: program}, opts)
}

// maddy is where install.sh built it.
type maddy struct {
	usual
	program string
}

func (maddy) addresses(s *Server) []*string { return []*string{&s.IMAP, &s.IMAPS} }

func (maddy) login(user string) string { return user + "@x" }

func (m maddy) command(s *Server, args ...string) *exec.Cmd {
	return exec.Command(m.program, append([]string{"--config", filepath.Join(s.Dir, "maddy.conf")}, args...)...)
}

func (m maddy) commands(s *Server) []*exec.Cmd { return []*exec.Cmd{m.command(s, "run")} }

func (m maddy) addUser(s *Server, name string) error {
	if out, err := Output(m.command(s, "imap-acct", "list")); err == nil && strings.Contains(string(out), m.login(name)+"\n") {
		return nil
	}
	for _, args := range [][]string{
		{"creds", "create", "-p", Password, "--bcrypt-cost", "4", m.login(name)},
		{"imap-acct", "create", m.login(name)},
	} {
		if out, err := Output(m.command(s, args...)); err != nil {
			return fmt.Errorf("maddy %s: %w %s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

func (maddy) write(s *Server) error {
	if err := os.MkdirAll(filepath.Join(s.Dir, "run"), 0o755); err != nil {
		return err
	}
	text := strings.NewReplacer("$T", s.Dir, "$IMAPS", s.IMAPS, "$IMAP", s.IMAP).Replace(maddyConfig)
	return os.WriteFile(filepath.Join(s.Dir, "maddy.conf"), []byte(text+s.options.config), 0o644)
}

// The pragmas are those that maddy sets itself where it is built with SQLite in C.
const maddyConfig = `state_dir $T
runtime_dir $T/run
hostname localhost
tls file $T/cert.pem $T/key.pem
auth.pass_table local_authdb {
    table sql_table {
        driver sqlite
        dsn $T/credentials.db
        table_name passwords
    }
}
storage.imapsql local_mailboxes {
    driver sqlite3
    dsn "$T/mail.db?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate"
}
imap tls://$IMAPS tcp://$IMAP {
    insecure_auth yes
    auth &local_authdb
    storage &local_mailboxes
}
`
