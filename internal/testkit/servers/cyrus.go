package servers

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Cyrus starts a Cyrus IMAP server. Users are those of AddUser, and "cyrus", who
// administers it. Drafts and Archive are made at a user's first log-in.
func Cyrus(t testing.TB, opts ...Option) *Server {
	t.Helper()
	root := unpacked("cyrus")
	need(t, "Cyrus", filepath.Join(root, "usr/lib/cyrus/bin/master"), "saslpasswd2")
	s := start(t, "cyrus", cyrus{root: root}, opts)
	s.AddUser("cyrus")
	return s
}

// cyrus is the folder its packages are unpacked in. It says little, for it writes to the
// system's log.
type cyrus struct {
	usual
	root string
}

func (c cyrus) bin() string { return filepath.Join(c.root, "usr/lib/cyrus/bin") }

// env has the libraries of the unpacked packages, and no fsync: the databases would
// wait for the disk at every message.
func (c cyrus) env() []string {
	return append(os.Environ(), "LD_LIBRARY_PATH="+libraries(c.root), "LD_PRELOAD=libeatmydata.so.1")
}

func (c cyrus) commands(s *Server) []*exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin(), "master"), "-C", filepath.Join(s.Dir, "imapd.conf"),
		"-M", filepath.Join(s.Dir, "cyrus.conf"), "-p", filepath.Join(s.Dir, "master.pid"))
	cmd.Env = c.env()
	return []*exec.Cmd{cmd}
}

func (c cyrus) addUser(s *Server, name string) error {
	db := filepath.Join(s.Dir, "sasldb2")
	cmd := exec.Command("saslpasswd2", "-p", "-c", "-f", db, "-u", "localhost", name)
	cmd.Stdin = strings.NewReader(Password + "\n")
	if out, err := Output(cmd); err != nil {
		return fmt.Errorf("saslpasswd2: %w %s", err, out)
	}
	return s.owner.take(db)
}

func (c cyrus) write(s *Server) error {
	for _, dir := range []string{"conf", "spool", "run", "lock"} {
		if err := s.owner.folder(filepath.Join(s.Dir, dir)); err != nil {
			return err
		}
	}
	if err := s.owner.take(filepath.Join(s.Dir, "key.pem")); err != nil {
		return err
	}
	r := strings.NewReplacer("$T", s.Dir, "$B", c.bin(), "$USER", s.owner.user, "$GROUP", s.owner.group,
		"$IMAPS", s.IMAPS, "$IMAP", s.IMAP, "$POP3S", s.POP3S, "$POP3", s.POP3)
	imapd := r.Replace(cyrusImapd) + c.optional(s.options)
	if err := os.WriteFile(filepath.Join(s.Dir, "imapd.conf"), []byte(imapd), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(s.Dir, "cyrus.conf"), []byte(r.Replace(cyrusServices)), 0o644)
}

// optional is what the options add to imapd.conf, and what they set otherwise.
func (cyrus) optional(o options) string {
	var b strings.Builder
	set := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	kib, hierarchy := int64(1<<30), "yes"
	if o.quotaBytes > 0 {
		kib = o.quotaBytes / 1024
		set("autocreate_quota_messages: %d", o.quotaMessages)
	}
	if o.inboxPrefix {
		hierarchy = "no"
	}
	set("sasl_mech_list: %s", cmp.Or(o.mechanisms, "PLAIN LOGIN"))
	set("autocreate_quota: %d", kib)
	set("unixhierarchysep: %s", hierarchy)
	set("altnamespace: %s", hierarchy)
	if o.sessions > 0 {
		set("maxlogins_per_user: %d", o.sessions)
	}
	if len(o.hidden) > 0 {
		set("suppress_capabilities: %s", strings.Join(o.hidden, " "))
	}
	return b.String() + o.config
}

const cyrusImapd = `configdirectory: $T/conf
defaultpartition: default
partition-default: $T/spool
proc_path: $T/run/proc
mboxname_lockpath: $T/lock
lmtpsocket: $T/run/lmtp
idlesocket: $T/run/idle
notifysocket: $T/run/notify
cyrus_user: $USER
cyrus_group: $GROUP
servername: localhost
admins: cyrus
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: $T/sasldb2
tls_server_cert: $T/cert.pem
tls_server_key: $T/key.pem
popminpoll: 0
failedloginpause: 0
imapidlepoll: 1
autocreate_inbox_folders: Drafts | Archive
xlist-drafts: Drafts
xlist-archive: Archive
expunge_mode: immediate
delete_mode: immediate
`

const cyrusServices = `START {
  recover cmd="$B/ctl_cyrusdb -C $T/imapd.conf -r"
}
SERVICES {
  imap cmd="$B/imapd -C $T/imapd.conf -U 30" listen="$IMAP" prefork=1
  imaps cmd="$B/imapd -s -C $T/imapd.conf -U 30" listen="$IMAPS"
  pop3 cmd="$B/pop3d -C $T/imapd.conf -U 30" listen="$POP3"
  pop3s cmd="$B/pop3d -s -C $T/imapd.conf -U 30" listen="$POP3S"
}
DAEMON {
  idled cmd="$B/idled -C $T/imapd.conf"
}
EVENTS {
}
`
