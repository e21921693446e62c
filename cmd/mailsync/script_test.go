package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/rogpeppe/go-internal/testscript"

	"mailsync/cmd/mailsync/demo"
	"mailsync/internal/testkit/freeport"
	tested "mailsync/internal/testkit/program"
)

// The scenarios in testdata are what a user does and sees: commands, files, stdout,
// stderr and exit codes.

func TestMain(m *testing.M) {
	testscript.Main(tested.Tests{M: m}, map[string]func(){"mailsync": plainly})
}

// plainly is main, and fails where what it prints is not for users.
func plainly() {
	var out, err heard
	out.Writer, err.Writer = os.Stdout, os.Stderr
	code := run(context.Background(), os.Args[1:], &out, &err)
	if bad := tested.Jargon(out.text.String() + err.text.String()); len(bad) > 0 {
		fmt.Fprintf(os.Stderr, "no user understands:\n%s\n", strings.Join(bad, "\n"))
		code = 99
	}
	os.Exit(code)
}

// heard keeps what is written.
type heard struct {
	io.Writer
	mu   sync.Mutex
	text bytes.Buffer
}

func (h *heard) Write(b []byte) (int, error) {
	h.mu.Lock()
	h.text.Write(b)
	h.mu.Unlock()
	return h.Writer.Write(b)
}

func TestScenarios(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir+"/home")
			e.Setenv("TMPDIR", e.WorkDir+"/tmp")
			e.Setenv("PW", demo.Password)
			for _, dir := range []string{"/home", "/tmp"} {
				if err := os.Mkdir(e.WorkDir+dir, 0o700); err != nil {
					return err
				}
			}
			e.Values["servers"] = map[string]*demo.IMAP{}
			e.Values["popservers"] = map[string]*demo.POP3{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server": cmdServer, "popserver": cmdPOPServer, "popdeliver": cmdPOPDeliver, "deliver": cmdDeliver, "halt": cmdHalt, "closedport": cmdClosedPort,
			"deaf": cmdDeaf, "met": cmdMet, "signalled": cmdSignalled, "expand": cmdExpand, "exits": cmdExits, "age": cmdAge, "empty": cmdEmpty,
			"flag": cmdFlag, "hurt": cmdHurt, "expunge": cmdExpunge, "private": cmdPrivate, "begins": cmdBegins, "mode": cmdMode,
			"latin": cmdLatin, "windows": cmdWindows,
			"succeeded": cmdSucceeded, "killed": cmdKilled, "dropped": cmdDropped,
		},
		RequireUniqueNames: true,
	})
}

// server NAME: starts an IMAP server with three messages in INBOX and one in Ärger/Rest,
// on port $NAME.
func cmdServer(ts *testscript.TestScript, _ bool, args []string) {
	d, err := demo.StartIMAP([]demo.Sample{
		{Mailbox: "INBOX", Date: demo.Begin, Flags: []imap.Flag{imap.FlagSeen}, Text: []byte(demo.Letter("a@b.example", "one", "text/plain", "1\r\n"))},
		{Mailbox: "INBOX", Date: demo.Begin, Text: []byte(demo.Letter("a@b.example", "two", "text/plain", "2\r\n"))},
		{Mailbox: "INBOX", Date: demo.Begin, Text: []byte(demo.Letter("a@b.example", "three", "text/plain", "3\r\n"))},
		{Mailbox: "Ärger/Rest", Date: demo.Begin, Text: []byte(demo.Letter("a@b.example", "four", "text/plain", "4\r\n"))},
	})
	ts.Check(err)
	ts.Defer(d.Close)
	servers(ts)[args[0]] = d
	ts.Setenv(args[0], strconv.Itoa(d.Port))
}

func servers(ts *testscript.TestScript) map[string]*demo.IMAP {
	return ts.Value("servers").(map[string]*demo.IMAP)
}

// popserver NAME: starts a POP3 server with three messages, the last of them large, on port
// $NAME.
func cmdPOPServer(ts *testscript.TestScript, _ bool, args []string) {
	var texts []string
	for i, text := range []string{"1\r\n", ".\r\n..\r\n", strings.Repeat("3\r\n", 1000)} {
		texts = append(texts, demo.Letter("a@b.example", strconv.Itoa(i+1), "text/plain", text))
	}
	d, err := demo.StartPOP3(texts)
	ts.Check(err)
	ts.Defer(d.Close)
	ts.Value("popservers").(map[string]*demo.POP3)[args[0]] = d
	ts.Setenv(args[0], strconv.Itoa(d.Port))
}

// popdeliver NAME TEXT: a message comes in.
func cmdPOPDeliver(ts *testscript.TestScript, _ bool, args []string) {
	ts.Value("popservers").(map[string]*demo.POP3)[args[0]].Deliver(demo.Letter("a@b.example", args[1], "text/plain", args[1]+"\r\n"))
}

// deliver NAME MAILBOX TEXT: a message comes in.
func cmdDeliver(ts *testscript.TestScript, _ bool, args []string) {
	text := []byte(demo.Letter("a@b.example", args[2], "text/plain", args[2]+"\r\n"))
	ts.Check(servers(ts)[args[0]].Deliver(demo.Sample{Mailbox: args[1], Date: demo.Begin, Text: text}))
}

// halt NAME: the server goes away. ("stop" would end the script.)
func cmdHalt(ts *testscript.TestScript, _ bool, args []string) { servers(ts)[args[0]].Close() }

// closedport NAME: sets $NAME to a port on which nobody listens.
func cmdClosedPort(ts *testscript.TestScript, _ bool, args []string) {
	addr, err := freeport.Take()
	ts.Check(err)
	_, port, err := net.SplitHostPort(addr)
	ts.Check(err)
	ts.Setenv(args[0], port)
}

// deaf NAME: a server on port $NAME that takes connections and says nothing.
func cmdDeaf(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	met := make(chan struct{})
	go func() {
		var once sync.Once
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			once.Do(func() { close(met) })
		}
	}()
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	deafMet.Store(ts, met)
}

var deafMet sync.Map // of the scripts' deaf servers: closed at the first connection

// met: waits until the deaf server was connected to.
func cmdMet(ts *testscript.TestScript, _ bool, _ []string) {
	met, _ := deafMet.Load(ts)
	select {
	case <-met.(chan struct{}):
	case <-time.After(time.Minute):
		ts.Fatalf("nobody came")
	}
}

// signalled SIGNAL CODE [ARGUMENT...]: runs mailsync ("sync"), sends it a signal once it talks to the deaf
// server, checks its exit code, and leaves what it said in the file stderr.
func cmdSignalled(ts *testscript.TestScript, _ bool, args []string) {
	program, err := exec.LookPath("mailsync")
	ts.Check(err)
	command := args[2:]
	if len(command) == 0 {
		command = []string{"sync"}
	}
	cmd := exec.Command(program, command...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"HOME", "PATH", "PW", "MAILSYNC_CONFIG"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	ts.Check(cmd.Start())
	killer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }) // shows as exit code -1
	defer killer.Stop()
	cmdMet(ts, false, nil)
	ts.Check(cmd.Process.Signal(map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]))
	_ = cmd.Wait() // its code is looked at
	ts.Check(os.WriteFile(ts.MkAbs("stderr"), stderr.Bytes(), 0o600))
	if code := strconv.Itoa(cmd.ProcessState.ExitCode()); code != args[1] {
		ts.Fatalf("exit code %s, want %s\n%s", code, args[1], stderr.String())
	}
}

// expand FILE...: replaces ${NAME} in files and makes them private.
func cmdExpand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), func(key string) string {
			if key == "DOLLAR" {
				return "$"
			}
			return ts.Getenv(key)
		})
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
		ts.Check(os.Chmod(ts.MkAbs(name), 0o600))
	}
}

// exits CODE COMMAND...: runs mailsync and checks its exit code.
func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// age FILE DURATION: makes a file so much older.
func cmdAge(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[1])
	ts.Check(err)
	at := time.Now().Add(-d)
	ts.Check(os.Chtimes(ts.MkAbs(args[0]), at, at))
}

// empty DIR: removes the files in a folder, and leaves the folder itself as it is.
func cmdEmpty(ts *testscript.TestScript, _ bool, args []string) {
	files, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, f := range files {
		ts.Check(os.Remove(filepath.Join(ts.MkAbs(args[0]), f.Name())))
	}
}

// flag MAILDIR LETTERS: plays a mail program that gives the first fresh message flags.
func cmdFlag(ts *testscript.TestScript, _ bool, args []string) {
	fresh, err := os.ReadDir(filepath.Join(ts.MkAbs(args[0]), "new"))
	ts.Check(err)
	if len(fresh) == 0 {
		ts.Fatalf("%s has no fresh message", args[0])
	}
	name := fresh[0].Name()
	ts.Check(os.Rename(filepath.Join(ts.MkAbs(args[0]), "new", name), filepath.Join(ts.MkAbs(args[0]), "cur", name+":2,"+args[1])))
}

// private FILE: is for the user alone.
func cmdPrivate(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if info.Mode().Perm() != 0o600 {
		ts.Fatalf("%s has mode %v", args[0], info.Mode())
	}
}

// begins FILE WITH: a file begins with all of another, and has more.
func cmdBegins(ts *testscript.TestScript, _ bool, args []string) {
	if all, begin := ts.ReadFile(args[0]), ts.ReadFile(args[1]); !strings.HasPrefix(all, begin) || all == begin {
		ts.Fatalf("%s is\n%s\nand should begin with\n%s", args[0], all, begin)
	}
}

// mode FILE MODE: a file has these permissions.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// phoneTo is another client, logged in.
func phoneTo(server *demo.IMAP) (*imapclient.Client, error) {
	phone, err := imapclient.DialInsecure(net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port)), nil)
	if err == nil {
		err = phone.Login(demo.User, demo.Password).Wait()
	}
	return phone, err
}

// expunge NAME MAILBOX UID: a message goes.
func cmdExpunge(ts *testscript.TestScript, _ bool, args []string) {
	uid, err := strconv.ParseUint(args[2], 10, 32)
	ts.Check(err)
	phone, err := phoneTo(servers(ts)[args[0]])
	ts.Check(err)
	defer phone.Close()
	_, err = phone.Select(args[1], nil).Wait()
	ts.Check(err)
	one := imap.UIDSetNum(imap.UID(uid))
	ts.Check(phone.Store(one, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close())
	ts.Check(phone.UIDExpunge(one).Close())
	ts.Check(phone.Logout().Wait())
}

// hurt HOW PATTERN: a disk loses or changes bytes of the one file that matches: "flip" a
// bit, "cut" the file, "lose" it.
func cmdHurt(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(ts.MkAbs(args[1]))
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("%d files match %s", len(found), args[1])
	}
	b, err := os.ReadFile(found[0])
	ts.Check(err)
	switch args[0] {
	case "flip":
		b[len(b)/2] ^= 1
	case "cut":
		b = b[:len(b)/2]
	case "lose":
		ts.Check(os.Remove(found[0]))
		return
	default:
		ts.Fatalf("hurt %s?", args[0])
	}
	ts.Check(os.WriteFile(found[0], b, 0o600))
}

// latin FILE: writes a file in ISO 8859-1.
func cmdLatin(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte("user = \"\xe4da\"\n"), 0o600))
}

// windows FILE: makes a text what an editor on Windows writes: a byte order mark, and CRLF.
func cmdWindows(ts *testscript.TestScript, _ bool, args []string) {
	text := "\ufeff" + strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n")
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
