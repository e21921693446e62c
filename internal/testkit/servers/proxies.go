package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Imapproxy starts imapproxy before another server: an IMAP proxy that keeps the
// connections to that after its clients have gone, and gives them to the next one of
// the same user. The users are those of the server behind it.
func Imapproxy(t testing.TB, behind *Server, opts ...Option) *Server {
	t.Helper()
	root := unpacked("imapproxy")
	need(t, "imapproxy", filepath.Join(root, "usr/sbin/imapproxyd"))
	return startBefore(t, "imapproxy", imapproxy{root: root}, behind, opts)
}

// imapproxy is the folder its package is unpacked in.
type imapproxy struct {
	proxy
	root string
}

func (imapproxy) addresses(s *Server) []*string { return []*string{&s.IMAP} }

func (p imapproxy) commands(s *Server) []*exec.Cmd {
	return []*exec.Cmd{exec.Command(filepath.Join(p.root, "usr/sbin/imapproxyd"), "-f", filepath.Join(s.Dir, "imapproxy.conf"))}
}

func (imapproxy) write(s *Server) error {
	text := strings.NewReplacer("$T", s.Dir, "$USER", s.owner.user, "$GROUP", s.owner.group,
		"$IMAP", port(s.IMAP), "$BEHIND", port(s.Behind.IMAP)).Replace(imapproxyConfig)
	return os.WriteFile(filepath.Join(s.Dir, "imapproxy.conf"), []byte(text+s.options.config), 0o644)
}

// With the select cache what has changed may be seen a run late: it is off, as it is
// in most places.
const imapproxyConfig = `server_hostname 127.0.0.1
server_port $BEHIND
listen_address 127.0.0.1
listen_port $IMAP
proc_username $USER
proc_groupname $GROUP
foreground_mode yes
force_tls no
enable_select_cache no
stat_filename $T/stats
protocol_log_filename $T/log
cache_size 3072
cache_expiration_time 300
connect_retries 10
connect_delay 5
send_tcp_keepalives no
enable_admin_commands no
syslog_facility LOG_MAIL
`

// Perdition starts perdition before another server: a proxy for IMAP and POP3 that
// greets and logs in itself, and lets everything through from then on. The users are
// those of the server behind it.
func Perdition(t testing.TB, behind *Server, opts ...Option) *Server {
	t.Helper()
	root := unpacked("perdition")
	need(t, "perdition", filepath.Join(root, "usr/sbin/perdition"))
	return startBefore(t, "perdition", perdition{root: root}, behind, opts)
}

// perdition is the folder its packages are unpacked in.
type perdition struct {
	proxy
	root string
}

func (perdition) addresses(s *Server) []*string { return []*string{&s.IMAP, &s.POP3} }

func (p perdition) commands(s *Server) []*exec.Cmd {
	listen := func(protocol, at, to string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(p.root, "usr/sbin/perdition."+protocol), "--no_daemon",
			"--config_file", filepath.Join(s.Dir, "perdition.conf"), "--bind_address", "127.0.0.1", "--listen_port", port(at),
			"--outgoing_server", "127.0.0.1:"+port(to), "--map_library", "", "--ssl_mode", "none",
			"--pid_file", filepath.Join(s.Dir, protocol+".pid"), "--username", s.owner.user, "--group", s.owner.group, "--log_facility", "-")
		cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries(p.root))
		return cmd
	}
	return []*exec.Cmd{listen("imap4", s.IMAP, s.Behind.IMAP), listen("pop3", s.POP3, s.Behind.POP3)}
}

func (perdition) write(s *Server) error {
	return os.WriteFile(filepath.Join(s.Dir, "perdition.conf"), []byte(s.options.config), 0o644)
}

// proxy is what proxies have in common: the mail and the users are those of the
// server behind.
type proxy struct{ usual }

func (proxy) addUser(s *Server, name string) error {
	s.Behind.AddUser(name)
	return nil
}

func (proxy) maildir(s *Server, user string) string { return s.Behind.Maildir(user) }
