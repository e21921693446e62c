package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"mailsync/bench/host"
	"mailsync/internal/testkit/servers"
)

// program is one of those that are compared. prepare writes what it needs below dir, and
// returns its command line and what it gets in its environment; its mail goes to dir/mail,
// which is there.
type program struct {
	name    string
	binary  string
	prepare func(w *world, dir string) (args, env []string, err error)
}

// installed returns mailsync and those of the others that are here.
func (w *world) installed(ctx context.Context) ([]program, error) {
	binary, err := w.ground.Build(ctx, w.Settings)
	if err != nil {
		return nil, err
	}
	all := []program{{"mailsync", binary, mailsync}}
	for _, p := range []program{{"mpop", "mpop", mpop}, {"getmail", "getmail", getmail}, {"fetchmail", "fetchmail", fetchmail}} {
		if !slices.Contains(strings.Split(w.with, ","), p.name) {
			continue
		}
		path, err := exec.LookPath(p.binary)
		if err != nil {
			host.Say("%s is not installed, and left out", p.name)
			continue
		}
		p.binary = path
		all = append(all, p)
	}
	return all, nil
}

// fill writes a configuration from a text with $HOST, $PORT, $USER, $PASS and $DIR in it.
func (w *world) fill(file, text string) error {
	host, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		return err
	}
	text = strings.NewReplacer("$HOST", host, "$PORT", port, "$USER", user, "$PASS", servers.Password, "$DIR", filepath.Dir(file)).Replace(text)
	return os.WriteFile(file, []byte(text), 0o600)
}

func mailsync(w *world, dir string) (args, env []string, err error) {
	file := filepath.Join(dir, "config.toml")
	err = w.fill(file, `[accounts.bench]
protocol = "pop3"
host     = "$HOST"
port     = $PORT
tls      = "none"
user     = "$USER"
password = "$PASS"
maildir  = "$DIR/mail"
`)
	return []string{"-c", file, "sync"}, nil, err
}

func mpop(w *world, dir string) (args, env []string, err error) {
	file := filepath.Join(dir, "mpoprc")
	err = w.fill(file, `account bench
host $HOST
port $PORT
tls off
auth plain
user $USER
password $PASS
keep on
pipelining on
received_header off
uidls_file $DIR/uidls
delivery maildir $DIR/mail
`)
	return []string{"--file=" + file, "--quiet", "bench"}, nil, err
}

func getmail(w *world, dir string) (args, env []string, err error) {
	file := filepath.Join(dir, "getmailrc")
	err = w.fill(file, `[retriever]
type = SimplePOP3Retriever
server = $HOST
port = $PORT
username = $USER
password = $PASS

[destination]
type = Maildir
path = $DIR/mail/

[options]
read_all = false
delete = false
delivered_to = false
received = false
verbose = 0
`)
	return []string{"--getmaildir=" + dir, "--rcfile=" + file}, nil, err
}

// mdaDir makes this program a mail delivery agent, which fetchmail cannot do without.
const mdaDir = "MAILSYNC_BENCH_MDA"

func fetchmail(w *world, dir string) (args, env []string, err error) {
	file := filepath.Join(dir, "fetchmailrc")
	err = w.fill(file, `set no syslog
set invisible
set idfile $DIR/ids
set pidfile $DIR/pid
poll $HOST service $PORT protocol pop3 uidl no dns auth password
  user "$USER" password "$PASS" sslproto "" keep stripcr no rewrite no mimedecode mda "`+w.mda+`"
`)
	return []string{"--fetchmailrc", file, "--silent"}, []string{mdaDir + "=" + filepath.Join(dir, "mail"), "FETCHMAILHOME=" + dir}, err
}

// copySelf copies this program to where the user whose mail it is may run it.
func (w *world) copySelf() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	w.mda = filepath.Join(w.ground.Dir, "mda")
	return os.WriteFile(w.mda, b, 0o755)
}

// deliver puts one message into a Maildir, durably.
func deliver(maildir string, body io.Reader) error {
	file, err := os.CreateTemp(filepath.Join(maildir, "tmp"), "mail-")
	if err != nil {
		return err
	}
	_, err = io.Copy(file, body)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	inNew := filepath.Join(maildir, "new")
	if err := os.Link(file.Name(), filepath.Join(inNew, filepath.Base(file.Name()))); err != nil {
		return err
	}
	if err := os.Remove(file.Name()); err != nil {
		return err
	}
	folder, err := os.Open(inNew)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
