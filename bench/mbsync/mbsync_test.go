package mbsync

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"mailsync/bench/corpus"
	"mailsync/internal/testkit/servers"
)

// What is measured has to be the same work: all mail, in every mailbox, with its date.
func TestPullsEverything(t *testing.T) {
	if Program() == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("no mbsync here, and in CI it has to be: make servers brings it")
		}
		t.Skip("no mbsync here: install isync")
	}
	srv := servers.Dovecot(t)
	client := srv.LogIn("ada")
	if _, err := client.Do("CREATE Work/2024"); err != nil {
		t.Fatal(err)
	}
	messages := slices.Collect(corpus.Messages(1, 30))
	for i, m := range messages {
		mailbox := []string{"INBOX", "Work/2024"}[i%2]
		if err := client.Append(mailbox, m.Flags, m.Date, m.Raw); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []Setup{
		{Addr: srv.IMAP},
		{Addr: strings.Replace(srv.IMAPS, "127.0.0.1", "localhost", 1), CAFile: srv.CAFile(), TwoWay: true, NoFsync: true},
	} {
		s.User, s.Password, s.Dir = "ada", servers.Password, t.TempDir()
		cmd, err := s.Command(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for dir, want := range map[string]int{"INBOX": 15, "Work/2024": 15} {
			got, dated := count(t, filepath.Join(s.Maildirs(), dir), messages)
			if got != want || dated != want {
				t.Errorf("%s: %d messages, %d of them with their date; want %d", dir, got, dated, want)
			}
		}
	}
}

// count returns how many messages a Maildir holds, and how many have a date of ours.
func count(t *testing.T, maildir string, messages []corpus.Message) (all, dated int) {
	t.Helper()
	for _, sub := range []string{"cur", "new"} {
		err := filepath.WalkDir(filepath.Join(maildir, sub), func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), ".") {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			all++
			if slices.ContainsFunc(messages, func(m corpus.Message) bool { return m.Date.Unix() == info.ModTime().Unix() }) {
				dated++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all, dated
}
