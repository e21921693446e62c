//go:build unix

package guides

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/idp"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

func TestMain(m *testing.M) {
	if os.Getenv("GUIDE_BROWSER") != "" {
		browse(os.Args[1])
	}
	os.Exit(program.Tests{M: m}.Run())
}

// browse is a browser for the provider of the tests, which asks its user nothing.
func browse(address string) {
	if _, err := http.Get(address); err != nil {
		os.Exit(1)
	}
	os.Exit(0)
}

// setups make what each guide needs. A guide that has none fails.
var setups = map[string]func(*guide){
	"new-machine.md": func(g *guide) { g.imap("imap.example.org", 300) },
	"under-quota.md": func(g *guide) {
		g.imap("imap.example.org", 300, servers.Quota(8<<20, 20000))
		// A person's backup ends later than in the second in which the mail was fetched.
		g.tool("touch", "sleep 1.1; /usr/bin/touch \"$@\"")
	},
	"pop3.md":         func(g *guide) { g.pop3("pop.example.org", 12) },
	"mail-readers.md": func(g *guide) { g.imap("imap.example.org", 100); g.readers() },
	"cron-and-systemd.md": func(g *guide) {
		g.imap("imap.example.org", 20)
		g.systemd()
	},
	"monitoring.md": func(g *guide) { g.imap("imap.example.org", 20); g.monitoring() },
	"README.md": func(g *guide) {
		g.imap("imap.example.org", 300)
		g.pop3("pop.isp.example", 3)
	},
	"gmail.md":   func(g *guide) { g.tokens("imap.gmail.com") },
	"outlook.md": func(g *guide) { g.tokens("outlook.office365.com") },
	"another-provider.md": func(g *guide) {
		g.imap("imap.old.example", 300)
		srv := servers.Cyrus(g.t)
		srv.AddUser("ada")
		g.hosts["imap.new.example"] = host{srv.IMAPS, srv.CAFile()}
	},
}

// Every command in a guide does what the guide has.
func TestGuides(t *testing.T) {
	all, err := filepath.Glob("*.md")
	if err != nil || len(all) == 0 {
		t.Fatal("there are no guides", err)
	}
	for _, path := range append(all, "../../README.md") {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			setup := setups[name]
			if setup == nil {
				t.Fatal("no setup: nobody knows which servers it needs")
			}
			g := newGuide(t)
			setup(g)
			g.follow(path)
		})
	}
}

// newGuide makes a home with mailsync in the path, which finds the servers of the test where the guide has
// a URL, and "pass", which knows the password.
func newGuide(t *testing.T) *guide {
	t.Helper()
	g := &guide{t: t, home: t.TempDir(), bin: t.TempDir(), hosts: map[string]host{}, plain: map[string]string{}}
	if err := os.Symlink(program.Path(t), filepath.Join(g.bin, "mailsync.real")); err != nil {
		t.Fatal(err)
	}
	g.tool("mailsync", `exec mailsync.real "$@"`)
	g.tool("pass", "echo "+servers.Password)
	return g
}

// imap starts a Dovecot with mail of ada, which the guide knows by a name.
func (g *guide) imap(name string, messages int, opts ...servers.Option) *servers.Server {
	g.t.Helper()
	srv := servers.Dovecot(g.t, opts...)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	for _, mailbox := range []string{"Sent", "Work/2024", "Junk"} {
		if _, err := client.Do("CREATE " + servers.Quote(mailbox)); err != nil {
			g.t.Fatal(err)
		}
	}
	for i, into := range []struct {
		folder string
		n      int
	}{{"", messages * 2 / 3}, {".Sent", messages / 5}, {".Work.2024", messages - messages*2/3 - messages/5}} {
		if _, err := corpus.Lay(filepath.Join(srv.Maildir("ada"), into.folder), corpus.Messages(uint64(i+1), into.n)); err != nil {
			g.t.Fatal(err)
		}
	}
	srv.Own(srv.Maildir("ada"))
	g.hosts[name] = host{srv.IMAPS, srv.CAFile()}
	// A URL has the server's address, and its certificate is not trusted by everybody.
	g.plain["ada@"+name] = "ada@" + srv.IMAPS
	ip, port, _ := strings.Cut(srv.IMAPS, ":")
	password := ` --tls-ca ` + srv.CAFile() + ` --password-command 'echo ` + servers.Password + "' "
	g.tool("mailsync", `case "$*" in
*--url*) exec mailsync.real "$@"`+password+`;;
init*) exec mailsync.real "$@"`+password+`--host `+ip+` --port `+port+` --user ada --yes ;;
esac
exec mailsync.real "$@"`)
	return srv
}

// tokens starts a Dovecot that takes the tokens of a provider as well, and sets a browser for the log-in
// there.
func (g *guide) tokens(name string) {
	g.t.Helper()
	g.provider = idp.New(g.t)
	g.imap(name, 30, servers.OAuth(g.provider.URL+"/introspect", "oauthbearer xoauth2"))
	self, err := os.Executable()
	if err != nil {
		g.t.Fatal(err)
	}
	g.tool("browser", `GUIDE_BROWSER=1 exec `+self+` "$1"`)
	g.env = append(g.env, "BROWSER="+filepath.Join(g.bin, "browser"), "DBUS_SESSION_BUS_ADDRESS=unix:path=/nowhere/bus")
}

// pop3 starts a Dovecot with mail of ada that is fetched by POP3.
func (g *guide) pop3(name string, messages int) {
	g.t.Helper()
	srv := servers.Dovecot(g.t)
	srv.AddUser("ada")
	if _, err := corpus.Lay(srv.Maildir("ada"), corpus.Messages(1, messages)); err != nil {
		g.t.Fatal(err)
	}
	srv.Own(srv.Maildir("ada"))
	g.hosts[name] = host{srv.POP3S, srv.CAFile()}
}

// readers makes mail readers end at once, where a person would go on reading.
func (g *guide) readers() {
	g.t.Helper()
	servers.Need(g.t, "mail readers", "neomutt", "script", "notmuch")
	real, err := exec.LookPath("neomutt")
	if err != nil {
		g.t.Fatal(err)
	}
	// script(1) is the terminal that it wants; an end of its input would reach it as a key.
	g.tool("neomutt", `f=$(mktemp -u) && mkfifo "$f" && exec 3<>"$f" && rm "$f"
SHELL=/bin/sh exec script -qec "timeout --foreground -k 5 60 `+real+` -e 'set quit=yes' -e 'push <quit>' $*" /dev/null <&3 >/dev/null`)
}

// systemd stands for the user's service manager: it looks for the units, and runs a service.
func (g *guide) systemd() {
	g.t.Helper()
	g.tool("systemctl", `shift
case "$1" in
enable) unit=$3; test -f "$HOME/.config/systemd/user/$unit" && test -f "$HOME/.config/systemd/user/${unit%.timer}.service" ;;
start) eval "$(sed -n 's/^ExecStart=//p' "$HOME/.config/systemd/user/$2")" >/dev/null ;;
daemon-reload) ;;
*) echo "unknown: $*"; exit 1 ;;
esac`)
	g.tool("loginctl", `test "$1" = enable-linger`)
	g.tool("journalctl", "exit 0")
	g.plain["%h"] = "$HOME"
}

// monitoring has a place to report to.
func (g *guide) monitoring() {
	g.tool("curl", "exit 0")
	g.tool("mail", "cat >/dev/null")
}

// What a guide has is found again in what a command prints, and other output is not.
func TestSame(t *testing.T) {
	for _, c := range []struct {
		want string
		got  string
		same bool
	}{
		{"work: 2 fetched (79.4 MiB); 2 messages here (3.4 s)", "work: 1 fetched (1 B); 1 message here (9 ms)\n", true},
		{"work: 2 fetched", "work: 2 appended\n", false},
		{"a\n...\nb", "a\nx\ny\nb\n", true},
		{"a\n...\nb", "a\nb\n", true},
		{"a\n...\nb", "a\nx\n", false},
		{"a", "a\nb\n", false},
	} {
		if got := same(strings.Split(c.want, "\n"), c.got); got != c.same {
			t.Errorf("%q and %q: %v", c.want, c.got, got)
		}
	}
}
