//go:build unix

package hostile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	script "mailsync/internal/testkit/imapscript"
)

// another fills the tree as mbsync would: the server's own messages, with a header of its own in each.
func (l *life) another(texts map[string][]string) (files map[string]string) {
	l.t.Helper()
	files = map[string]string{}
	for maildir, bodies := range texts {
		for _, sub := range []string{"cur", "new", "tmp"} {
			l.must(os.MkdirAll(filepath.Join(l.root, maildir, sub), 0o700))
		}
		for n, body := range bodies {
			name := filepath.Join(maildir, "cur", fmt.Sprintf("1700000000.%d_1.host,U=%d:2,S", n, n+1))
			text := strings.ReplaceAll(strings.Replace(body, "\r\n\r\n", fmt.Sprintf("\r\nX-TUID: %012d\r\n\r\n", n), 1), "\r\n", "\n")
			l.must(os.WriteFile(filepath.Join(l.root, name), []byte(text), 0o600))
			files[name] = text
		}
		files[filepath.Join(maildir, "mailsync.marker")] = ""
	}
	return files
}

// untouched sees that every file is as it was, and nothing new beside it; "" is one that must not be there.
func (l *life) untouched(files map[string]string) {
	l.t.Helper()
	dirs := map[string]int{}
	for name, want := range files {
		b, err := os.ReadFile(filepath.Join(l.root, name))
		if want == "" && err == nil || want != "" && string(b) != want {
			l.t.Errorf("%s: %q, %v", name, b, err)
		}
		if want != "" {
			dirs[filepath.Dir(name)]++
		}
	}
	for dir, n := range dirs {
		if there, err := os.ReadDir(filepath.Join(l.root, dir)); err != nil || len(there) != n {
			l.t.Errorf("%s holds %d files, not %d, %v", dir, len(there), n, err)
		}
	}
}

// A tree that another program filled from the same server is neither fetched over nor appended.
func TestForeignTree(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	texts := map[string][]string{"Archive": nil, "Archive/2023": {letter(80)}, "Lists": {letter(81)}}
	for n := range 12 {
		texts["INBOX"] = append(texts["INBOX"], letter(n))
	}
	files := l.another(texts)
	before := l.onServer()
	for _, command := range []string{"sync", "backup", "sync --new", "sync --dry-run", "backup --mailbox Archive"} {
		o := l.run(strings.Fields(command)...)
		if o.Code != 8 || !strings.Contains(o.Stderr, `4 Maildirs that mailsync did not make, with 14 messages ("Archive/2023", "INBOX", …)`) || !strings.Contains(o.Stderr, "--foreign") {
			t.Errorf("%s: exit %d\n%s", command, o.Code, o.Stderr)
		}
		if strings.Contains(o.trace, "LOGIN") || strings.Contains(o.trace, "AUTHENTICATE") {
			t.Errorf("%s: it asked the server", command)
		}
	}
	l.untouched(files)

	if o := l.sync("--foreign"); o.Code != 0 || o.account.Fetched != 18 || o.account.Here != 18 {
		t.Fatalf("exit %d: %+v\n%s", o.Code, o.account, said(o.Stderr))
	}
	l.acct.Lock()
	l.acct.Add("Archive/2023", letter(80))
	l.acct.Add("Archive/2024", letter(82))
	l.acct.Unlock()
	before[letter(80)], before[letter(82)] = 1, 1
	for _, lost := range []bool{false, true} {
		if lost {
			l.removeAll(".mailsync")
		}
		for range 2 {
			if o := l.sync(); o.Code != 0 || o.account.Here != 20 {
				t.Errorf("exit %d: %+v\n%s", o.Code, o.account, said(o.Stderr))
			}
		}
		l.untouched(files)
		if after := l.onServer(); !maps.Equal(after, before) {
			t.Errorf("the server has %d different messages, and had %d", len(after), len(before))
		}
	}
	mail, trashed := l.files()
	if len(mail) != 20+14 || len(trashed) != 0 {
		t.Errorf("%d files, and %d in the trash", len(mail), len(trashed))
	}
	// What is foreign is not a difference, and what is ours is whole.
	if o := l.run("verify", "--server"); o.Code != 0 {
		t.Errorf("verify: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
	}
}

// A first run that was killed once the user had said yes goes on; Maildirs that came since ask again.
func TestForeignTreeKilled(t *testing.T) {
	t.Parallel()
	l := newIMAP(t, situation{})
	files := l.another(map[string][]string{"INBOX": {letter(1)}})
	l.serve(func(p *script.Peer) { p.Close() })
	if o := l.sync("--foreign"); o.Code != 5 {
		t.Fatalf("exit %d", o.Code)
	}
	l.heal()
	l.another(map[string][]string{"Other": {letter(2)}})
	if o := l.sync(); o.Code != 8 || !strings.Contains(o.Stderr, `1 Maildir that mailsync did not make, with 1 message ("Other")`) {
		t.Fatalf("exit %d\n%s", o.Code, said(o.Stderr))
	}
	l.removeAll("Other")
	if o := l.sync(); o.Code != 0 || o.account.Fetched != 18 {
		t.Fatalf("exit %d: %+v", o.Code, o.account)
	}
	l.untouched(files)
}

// POP3 has no append, but would fetch all of it again.
func TestForeignTreePOP3(t *testing.T) {
	t.Parallel()
	l := newPOP3(t, popSituation{})
	files := l.another(map[string][]string{"INBOX": {letter(1), letter(2)}})
	if o := l.sync(); o.Code != 8 || o.account.Fetched != 0 {
		t.Fatalf("exit %d: %+v", o.Code, o.account)
	}
	l.untouched(files)
	if o := l.sync("--foreign"); o.Code != 0 || o.account.Fetched == 0 {
		t.Fatalf("exit %d: %+v\n%s", o.Code, o.account, said(o.Stderr))
	}
	if o := l.sync(); o.Code != 0 || o.account.Fetched != 0 {
		t.Errorf("exit %d: %+v", o.Code, o.account)
	}
	l.untouched(files)
}
