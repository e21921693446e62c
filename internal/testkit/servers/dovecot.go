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

// Dovecot starts a Dovecot. Any user name exists there, with Password; a home is made
// at the first log-in. Drafts (\Drafts, subscribed) and Archive (\Archive) are there
// from the start. As master user, "ada*root2" with the password "mpass" is ada.
func Dovecot(t testing.TB, opts ...Option) *Server {
	t.Helper()
	need(t, "Dovecot", dovecotProgram, "/usr/lib/dovecot/imap", "/usr/lib/dovecot/pop3")
	return start(t, "dovecot", dovecot{}, opts)
}

// Doveadm runs doveadm on a running Dovecot and returns what it printed. The test
// fails if the command does. Arguments are the command's, options of its own included:
// Doveadm("mailbox", "create", "-u", "ada", "Work").
func (s *Server) Doveadm(args ...string) string {
	s.t.Helper()
	args = append([]string{"-c", filepath.Join(s.Dir, "dovecot.conf")}, args...)
	out, err := Output(exec.Command("doveadm", args...))
	if err != nil {
		s.t.Fatalf("doveadm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

const dovecotProgram = "/usr/sbin/dovecot"

// What Dovecot 2.3 announces after log-in, for Hide to take from.
const dovecotCapabilities = "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT SORT=DISPLAY " +
	"THREAD=REFERENCES THREAD=REFS THREAD=ORDEREDSUBJECT MULTIAPPEND URL-PARTIAL CATENATE UNSELECT " +
	"CHILDREN NAMESPACE UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES " +
	"WITHIN CONTEXT=SEARCH LIST-STATUS BINARY MOVE SNIPPET=FUZZY PREVIEW=FUZZY PREVIEW STATUS=SIZE " +
	"SAVEDATE LITERAL+ NOTIFY SPECIAL-USE COMPRESS=DEFLATE QUOTA"

const exchangeCapabilities = "IMAP4 IMAP4rev1 LITERAL+ IDLE UIDPLUS MOVE ID CHILDREN NAMESPACE UNSELECT"

type dovecot struct{ usual }

func (dovecot) commands(s *Server) []*exec.Cmd {
	return []*exec.Cmd{exec.Command(dovecotProgram, "-F", "-c", filepath.Join(s.Dir, "dovecot.conf"))}
}

// addUser makes the home, so that mail can be laid into it before the first log-in.
func (d dovecot) addUser(s *Server, name string) error {
	if err := s.owner.folder(filepath.Dir(d.maildir(s, name))); err != nil {
		return err
	}
	for _, dir := range []string{"", "cur", "new", "tmp"} {
		if err := s.owner.folder(filepath.Join(d.maildir(s, name), dir)); err != nil {
			return err
		}
	}
	return nil
}

func (dovecot) maildir(s *Server, user string) string {
	return filepath.Join(s.Dir, "mail", user, "Maildir")
}

func (dovecot) log(s *Server) string {
	// It complains to stderr only before it has read where the log is.
	text, err := os.ReadFile(filepath.Join(s.Dir, "dovecot.log"))
	if err != nil {
		return s.out.String()
	}
	return s.out.String() + string(text)
}

func (dovecot) write(s *Server) error {
	// A run folder of another configuration can hold sockets that delay the greeting.
	if err := os.RemoveAll(filepath.Join(s.Dir, "run")); err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(s.Dir, "run"), 0o755); err != nil {
		return err
	}
	if err := s.owner.folder(filepath.Join(s.Dir, "mail")); err != nil {
		return err
	}
	files := map[string]string{"dovecot.conf": dovecotConfig(s), "masters": "root2:{PLAIN}mpass\n", "users": s.options.users}
	if s.options.introspection != "" {
		files["oauth2.conf"] = "introspection_url = " + s.options.introspection + "\nintrospection_mode = post\nforce_introspection = yes\n" +
			"username_attribute = username\nactive_attribute = active\nactive_value = true\n"
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// dovecotConfig is the whole of dovecot.conf. The anvil block and auth_failure_delay
// keep a refused log-in from taking seconds.
func dovecotConfig(s *Server) string {
	o := s.options
	separator, prefix := "/", ""
	if o.inboxPrefix {
		separator, prefix = ".", "INBOX."
	}
	sessions, kib, messages := 200, int64(1<<30), 10_000_000
	if o.sessions > 0 {
		sessions = o.sessions
	}
	if o.quotaBytes > 0 {
		kib, messages = o.quotaBytes/1024, o.quotaMessages
	}
	plugins, announced := "imap_quota imap_zlib", ""
	switch {
	case o.exchange:
		plugins, announced = "imap_quota", "imap_capability = "+exchangeCapabilities
	case len(o.hidden) > 0:
		announced = "imap_capability = " + without(dovecotCapabilities, o.hidden)
		if slices.Contains(o.hidden, "COMPRESS=DEFLATE") {
			plugins = "imap_quota"
		}
	}
	passdb := "driver = static\n  args = password=secret"
	if o.users != "" {
		passdb = "driver = passwd-file\n  args = " + filepath.Join(s.Dir, "users")
	}
	rootless := ""
	services := ""
	if !s.owner.root {
		rootless = fmt.Sprintf("default_internal_user = %[1]s\ndefault_internal_group = %[2]s\ndefault_login_user = %[1]s\n",
			s.owner.user, s.owner.group)
		services = "chroot =\n"
		rootless += "service anvil {\n chroot =\n}\nservice stats {\n chroot =\n}\n"
	}
	return strings.NewReplacer(
		"$T", s.Dir, "$UID", fmt.Sprint(s.owner.uid), "$GID", fmt.Sprint(s.owner.gid),
		"$IMAPS", port(s.IMAPS), "$IMAP", port(s.IMAP), "$POP3S", port(s.POP3S), "$POP3", port(s.POP3),
		"$SEPARATOR", separator, "$PREFIX", prefix, "$SESSIONS", fmt.Sprint(sessions),
		"$STORAGE", fmt.Sprintf("%dk", kib), "$MESSAGES", fmt.Sprint(messages),
		"$PLUGINS", plugins, "$ANNOUNCED", announced, "$CHROOT", services, "$PASSDB", passdb,
	).Replace(dovecotTemplate + rootless + o.config)
}

const dovecotTemplate = `base_dir = $T/run
state_dir = $T/run
log_path = $T/dovecot.log
protocols = imap pop3
listen = 127.0.0.1
ssl = yes
ssl_cert = <$T/cert.pem
ssl_key = <$T/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
auth_master_user_separator = *
first_valid_uid = 1
mail_max_userip_connections = $SESSIONS
mail_fsync = never
mail_location = maildir:~/Maildir
mailbox_list_index = yes
mail_plugins = quota zlib
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = passwd-file
  args = $T/masters
  master = yes
  result_success = continue
}
passdb {
  $PASSDB
}
userdb {
  driver = static
  args = uid=$UID gid=$GID home=$T/mail/%u
}
namespace inbox {
  inbox = yes
  separator = $SEPARATOR
  prefix = $PREFIX
  mailbox Drafts {
    auto = subscribe
    special_use = \Drafts
  }
  mailbox Archive {
    auto = create
    special_use = \Archive
  }
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=$STORAGE:messages=$MESSAGES
}
protocol imap {
  mail_plugins = quota zlib $PLUGINS
  $ANNOUNCED
}
service imap-login {
  $CHROOT
  service_count = 0
  inet_listener imap {
    port = $IMAP
  }
  inet_listener imaps {
    port = $IMAPS
    ssl = yes
  }
}
service pop3-login {
  $CHROOT
  service_count = 0
  inet_listener pop3 {
    port = $POP3
  }
  inet_listener pop3s {
    port = $POP3S
    ssl = yes
  }
}
`

// without takes words off a list, without regard to case.
func without(list string, words []string) string {
	var kept []string
	for _, w := range strings.Fields(list) {
		if !slices.ContainsFunc(words, func(h string) bool { return strings.EqualFold(h, w) }) {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}
