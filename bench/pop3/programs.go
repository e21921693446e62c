package pop3

import (
	"context"
	"errors"
	"fmt"
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
// which is there unless the program is ours.
type program struct {
	name    string
	binary  string
	ours    bool
	prepare func(w *world, dir string) (args, env []string, err error)
}

// programs are those that are measured, mailsync first.
func (w *world) programs(ctx context.Context) ([]program, error) {
	binary, err := w.Build(ctx, w.Settings)
	if err != nil {
		return nil, err
	}
	all := []program{{"mailsync", binary, true, mailsync}}
	if w.Before != "" {
		old, err := w.Old(w.Settings)
		return append(all, program{"before", old, true, mailsync}), err
	}
	for _, p := range []program{{"mpop", "mpop", false, mpop}, {"getmail", "getmail", false, getmail}, {"fetchmail", "fetchmail", false, fetchmail}} {
		if !slices.Contains(w.plan.rivals, p.name) {
			continue
		}
		path, err := exec.LookPath(p.binary)
		if err != nil {
			host.Say("%s is not installed, and left out", p.name)
			continue
		}
		p.binary = path
		if p.name == "fetchmail" {
			p.binary = "/bin/sh"
		}
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

// Agent ends the process where it was started as a mail delivery agent.
func Agent() {
	dir := os.Getenv(mdaDir)
	if dir == "" {
		return
	}
	if err := deliver(dir, os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(75) // EX_TEMPFAIL: it is asked to try again
	}
	os.Exit(0)
}

// fetchmail is started by a shell, for that it says 1 where there was no mail.
func fetchmail(w *world, dir string) (args, env []string, err error) {
	agent, err := w.Self()
	if err != nil {
		return nil, nil, err
	}
	file := filepath.Join(dir, "fetchmailrc")
	err = w.fill(file, `set no syslog
set invisible
set idfile $DIR/ids
set pidfile $DIR/pid
poll $HOST service $PORT protocol pop3 uidl no dns auth password
  user "$USER" password "$PASS" sslproto "" keep stripcr no rewrite no mimedecode mda "`+agent+`"
`)
	return []string{"-c", `fetchmail --fetchmailrc "$0" --silent || [ $? -eq 1 ]`, file},
		[]string{mdaDir + "=" + filepath.Join(dir, "mail"), "FETCHMAILHOME=" + dir}, err
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
