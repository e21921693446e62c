package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"mailsync/cmd/mailsync/demo"
)

// counting is an account on a server inside of the test, to which things happen, and on which every command
// that counts has to count the same.
type counting struct {
	t       *testing.T
	server  *demo.IMAP
	dir     string
	account string // more keys of it
	serial  int
}

func newCounting(t *testing.T) *counting {
	var mail []demo.Sample
	for i, box := range []string{"INBOX", "INBOX", "INBOX", "INBOX", "Work", "Work", "Work", "Old", "Old", "Large"} {
		text := strings.Repeat("words\r\n", 1+10*i)
		mail = append(mail, demo.Sample{Mailbox: box, Date: demo.Begin, Text: []byte(demo.Letter("a@b.example", strconv.Itoa(i), "text/plain", text))})
	}
	server, err := demo.StartIMAP(mail)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	c := &counting{t: t, server: server, dir: t.TempDir(), serial: len(mail)}
	t.Setenv("XDG_STATE_HOME", filepath.Join(c.dir, "home"))
	t.Setenv("PW", demo.Password)
	return c
}

// run runs a command and returns its stdout and exit code.
func (c *counting) run(args ...string) (string, int) {
	c.t.Helper()
	conf := fmt.Sprintf("[accounts.work]\nhost = \"127.0.0.1\"\nport = %d\ntls = \"none\"\nuser = %q\npassword_env = \"PW\"\nmaildir = %q\n%s",
		c.server.Port, demo.User, filepath.Join(c.dir, "mail"), c.account)
	path := filepath.Join(c.dir, "c.toml")
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		c.t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), append([]string{"--config", path}, args...), &stdout, &stderr)
	if code != 0 && code != 7 {
		c.t.Logf("%q: exit code %d\n%s%s", args, code, &stdout, &stderr)
	}
	return stdout.String(), code
}

// object is an object of --json.
type object map[string]any

func (o object) n(key string) int {
	v, _ := o[key].(float64)
	return int(v)
}

// objects are the objects of a kind that a command prints.
func (c *counting) objects(kind string, args ...string) (all []object) {
	c.t.Helper()
	out, _ := c.run(append(args, "--json")...)
	for line := range strings.Lines(out) {
		var o object
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			c.t.Fatalf("%q prints %q", args, line)
		}
		if o["type"] == kind {
			all = append(all, o)
		}
	}
	return all
}

func (c *counting) one(kind string, args ...string) object {
	c.t.Helper()
	all := c.objects(kind, args...)
	if len(all) != 1 {
		c.t.Fatalf("%q prints %d objects %q", args, len(all), kind)
	}
	return all[0]
}

// phone is another client.
func (c *counting) phone(do func(*imapclient.Client) error) {
	c.t.Helper()
	p, err := phoneTo(c.server)
	if err != nil {
		c.t.Fatal(err)
	}
	defer p.Close()
	if err := do(p); err != nil {
		c.t.Fatal(err)
	}
}

func (c *counting) expunge(box string) {
	c.phone(func(p *imapclient.Client) error {
		selected, err := p.Select(box, nil).Wait()
		if err != nil || selected.NumMessages == 0 {
			return err
		}
		if err := p.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
			return err
		}
		return p.Expunge().Close()
	})
}

// removeFile plays a user who removes the first file of a Maildir.
func (c *counting) removeFile(box string) {
	for _, sub := range []string{"new", "cur"} {
		files, _ := filepath.Glob(filepath.Join(c.dir, "mail", box, sub, "*"))
		if len(files) > 0 {
			if err := os.Remove(files[0]); err != nil {
				c.t.Fatal(err)
			}
			return
		}
	}
}

// happenings are what can happen to an account between two runs.
var happenings = []struct {
	name string
	do   func(*counting)
}{
	{"new mail", func(c *counting) {
		c.serial++
		text := demo.Letter("a@b.example", strconv.Itoa(c.serial), "text/plain", "new\r\n")
		if err := c.server.Deliver(demo.Sample{Mailbox: "INBOX", Date: demo.Begin, Text: []byte(text)}); err != nil {
			c.t.Fatal(err)
		}
	}},
	{"expunged on the server", func(c *counting) { c.expunge("INBOX") }},
	{"removed here", func(c *counting) { c.removeFile("INBOX") }},
	{"a file of a mail program", func(c *counting) {
		c.serial++
		name := filepath.Join(c.dir, "mail", "INBOX", "cur", fmt.Sprintf("%d.x.host:2,S", c.serial))
		if err := os.WriteFile(name, []byte("Subject: mine\n\nmine\n"), 0o600); err != nil {
			c.t.Fatal(err)
		}
	}},
	{"archived in place", func(c *counting) {
		c.run("archive", "--older-than", "1d", "--keep", "", "--mailbox", "Work", "--apply")
	}},
	{"archived into a folder", func(c *counting) {
		c.run("archive", "--older-than", "1d", "--keep", "", "--mailbox", "INBOX", "--larger-than", "200", "--into", filepath.Join(c.dir, "archive"), "--apply")
	}},
	{"a mailbox excluded", func(c *counting) { c.account = "exclude = [\"Work\"]\n" }},
	{"a mailbox included again", func(c *counting) { c.account = "" }},
	{"large ones skipped", func(c *counting) { c.account = "max_size = \"600\"\n" }},
	{"a mailbox gone", func(c *counting) {
		c.phone(func(p *imapclient.Client) error { _ = p.Delete("Old").Wait(); return nil }) // it may be gone already
	}},
	{"a mailbox that is gone, forgotten", func(c *counting) { c.run("forget", "work", "Old") }},
	{"a part synced", func(c *counting) { c.run("sync", "--mailbox", "INBOX") }},
	{"the state lost", func(c *counting) {
		if err := os.RemoveAll(filepath.Join(c.dir, "mail", ".mailsync")); err != nil {
			c.t.Fatal(err)
		}
	}},
}

var hereIn = regexp.MustCompile(`(\d+) messages? here(?:, (\d+) on the server)?.* in (\d+) mailbox`)

// agree compares what every command counts of one and the same state.
func (c *counting) agree(history []string) {
	c.t.Helper()
	synced := c.one("account", "sync")
	wrong := func(format string, args ...any) {
		c.t.Errorf("after %s: %s", strings.Join(history, ", "), fmt.Sprintf(format, args...))
	}
	same := func(command string, o object) {
		for _, key := range []string{"mailboxes", "on_server", "here", "outstanding"} {
			if o.n(key) != synced.n(key) {
				wrong("%s counts %s %d, and sync %d", command, key, o.n(key), synced.n(key))
			}
		}
	}
	same("status", c.one("account", "status"))
	same("verify", c.one("account", "verify"))
	same("verify --server", c.one("account", "verify", "--server"))
	same("archive", c.one("account", "archive", "--older-than", "100y"))
	same("backup", c.one("account", "backup"))
	proof := c.one("proof", "backup")
	if proof.n("here") != synced.n("here") || proof.n("messages")-proof.n("excluded") != synced.n("on_server") ||
		proof.n("mailboxes")-proof.n("excluded_mailboxes") != synced.n("mailboxes") {
		wrong("the proof is %v, and sync counts %v", proof, synced)
	}
	if sum := proof.n("here") + proof.n("outstanding") + proof.n("skipped") + proof.n("kept_away") + proof.n("accepted") + proof.n("not_looked_at") + proof.n("excluded"); sum != proof.n("messages") {
		wrong("the proof does not add up: %v", proof)
	}
	if out, code := c.run("verify"); code != 0 || !strings.Contains(out, "work: intact, ") {
		wrong("verify is %d: %s", code, out)
	}
	gone := slices.ContainsFunc(c.objects("mailbox", "status"), func(m object) bool { return m["left_out"] == "gone" && m.n("here") > 0 })
	if out, code := c.run("verify", "--server"); (code == 7) != gone {
		wrong("verify --server is %d: %s", code, out)
	}
	c.files(wrong, proof)
	c.text(wrong, synced)
}

// files compares the files on disk with what status and verify count.
func (c *counting) files(wrong func(string, ...any), proof object) {
	c.t.Helper()
	var here, onServer, onlyHere, skipped, keptAway int
	for _, m := range c.objects("mailbox", "status") {
		here, onlyHere = here+m.n("here"), onlyHere+m.n("only_here")
		if m["left_out"] != "" {
			continue
		}
		onServer, skipped, keptAway = onServer+m.n("on_server"), skipped+m.n("skipped"), keptAway+m.n("kept_away")
	}
	if skipped != proof.n("skipped") || keptAway != proof.n("kept_away") || onServer != proof.n("messages")-proof.n("excluded") {
		wrong("status counts %d on the server, %d skipped, %d kept away, and the proof is %v", onServer, skipped, keptAway, proof)
	}
	ours, foreign, disk := 0, 0, int64(0)
	for _, root := range []string{"mail", "archive"} {
		files, _ := filepath.Glob(filepath.Join(c.dir, root, "*", "[nc]*", "*"))
		more, _ := filepath.Glob(filepath.Join(c.dir, root, "[nc]*", "*"))
		for _, f := range append(files, more...) {
			if strings.Contains(f, "/Old/") && c.forgotten("Old") {
				continue
			}
			info, err := os.Stat(f)
			if err != nil || info.IsDir() {
				continue
			}
			if strings.Contains(filepath.Base(f), ".mailsync") {
				ours, disk = ours+1, disk+info.Size()
			} else {
				foreign++
			}
		}
	}
	v := c.one("verify", "verify")
	if v.n("files") != ours || int64(v.n("bytes")) != disk || v.n("foreign") != foreign {
		wrong("verify read %d files, %d bytes, %d foreign; there are %d, %d, %d", v.n("files"), v.n("bytes"), v.n("foreign"), ours, disk, foreign)
	}
	if archived := ours - here; archived < 0 {
		wrong("status counts %d files, and there are %d (%d only here)", here, ours, onlyHere)
	}
}

func (c *counting) forgotten(box string) bool {
	marker, err := os.ReadFile(filepath.Join(c.dir, "mail", box, "mailsync.marker"))
	return err == nil && bytes.Contains(marker, []byte(`role "forgotten"`))
}

// text compares the lines for people with the objects.
func (c *counting) text(wrong func(string, ...any), synced object) {
	c.t.Helper()
	for _, args := range [][]string{{"sync"}, {"status"}} {
		out, _ := c.run(args...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		m := hereIn.FindStringSubmatch(lines[len(lines)-1])
		if synced.n("mailboxes") == 0 {
			continue
		}
		if m == nil {
			wrong("%q prints %q", args, out)
			continue
		}
		if m[2] == "" {
			m[2] = m[1]
		}
		want := []string{fmt.Sprint(synced.n("here")), fmt.Sprint(synced.n("on_server")), fmt.Sprint(synced.n("mailboxes"))}
		if got := m[1:]; !slices.Equal(got, want) {
			wrong("%q prints %q, want %q", args, lines[len(lines)-1], want)
		}
	}
}

// Whatever happened to an account, every command counts the same of it, in text and in JSON.
func TestCommandsCountTheSame(t *testing.T) {
	for _, h := range happenings {
		t.Run(h.name, func(t *testing.T) {
			c := newCounting(t)
			c.run("sync")
			h.do(c)
			c.agree([]string{h.name})
		})
	}
	lives := 12
	if testing.Short() {
		lives = 2
	}
	for seed := range lives {
		t.Run(fmt.Sprint("life ", seed), func(t *testing.T) {
			c, random, history := newCounting(t), rand.New(rand.NewPCG(uint64(seed), 14)), []string{}
			c.run("sync")
			for range 6 {
				h := happenings[random.IntN(len(happenings))]
				h.do(c)
				history = append(history, h.name)
				if random.IntN(2) == 0 {
					c.run("sync")
					history = append(history, "sync")
				}
			}
			c.agree(history)
		})
	}
}
