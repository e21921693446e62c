//go:build unix

package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// oldMail appends n messages of about that many octets to a mailbox, read, and dated 2015 and later.
func oldMail(t *testing.T, client *servers.Session, mailbox string, from, n, octets int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		head := fmt.Sprintf("Message-ID: <%s-%d@example.org>\r\nSubject: %d\r\n\r\n", strings.ReplaceAll(mailbox, "/", "-"), i, i)
		body := head + strings.Repeat(strings.Repeat("x", 70)+"\r\n", max(1, (octets-len(head))/72))
		if err := client.Append(mailbox, []string{`\Seen`, "Work"}, time.Date(2015, 1, 1+i, 12, 0, 0, 0, time.UTC), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
}

var storage = regexp.MustCompile(`\(STORAGE (\d+) (\d+)`)

// used is what a user has used of the quota, in octets, as the server tells another client.
func used(t *testing.T, client *servers.Session) (octets, limit int64) {
	t.Helper()
	responses, err := client.Do("GETQUOTAROOT INBOX")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range responses {
		if m := storage.FindStringSubmatch(r.Text); m != nil {
			octets, _ = strconv.ParseInt(m[1], 10, 64)
			limit, _ = strconv.ParseInt(m[2], 10, 64)
			return octets << 10, limit << 10
		}
	}
	t.Fatalf("no quota in %v", responses)
	return 0, 0
}

// told reads the object of that type from --json.
func told[T any](t *testing.T, o outcome, kind string) (v T) {
	t.Helper()
	for line := range strings.Lines(o.Stdout) {
		if strings.Contains(line, `"type":"`+kind+`"`) {
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Fatal(err)
			}
			return v
		}
	}
	t.Fatalf("--json has no %q\n%s%s", kind, o.Stdout, o.Stderr)
	return v
}

type archiveTold struct {
	Applied   bool `json:"applied"`
	Messages  int  `json:"messages"`
	Gone      int  `json:"gone"`
	Stay      int  `json:"stay"`
	Bytes     int64
	Mailboxes []struct {
		Mailbox  string
		Messages int
	}
	Before, After struct{ Used, Limit int64 }
}

func (a *archiveTold) UnmarshalJSON(b []byte) error {
	type plain archiveTold
	var v struct {
		*plain
		Before struct{ Used, Limit int64 } `json:"quota_before"`
		After  struct{ Used, Limit int64 } `json:"quota_after"`
	}
	v.plain = (*plain)(a)
	err := json.Unmarshal(b, &v)
	a.Before, a.After = v.Before, v.After
	return err
}

// From nearly full to below the quota, into an archive by year, the oldest mail first; what
// went is on disk, byte for byte, with its flags and dates, and never comes again.
func TestArchiveGetsUnderQuota(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
	}{{"Dovecot", servers.Dovecot}, {"Cyrus", servers.Cyrus}} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t, servers.Quota(1<<20, 1000))
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			do(t, client, "CREATE Lists")
			oldMail(t, client, "INBOX", 0, 30, 15<<10)
			oldMail(t, client, "Lists", 15, 30, 15<<10)
			mail := serverDigests(t, client, []string{"INBOX", "Lists"})
			before, limit := used(t, client)
			archive := filepath.Join(t.TempDir(), "archive")
			w := newWorld(t, bin, srv, "[accounts.work.archive]", `until_quota = "50%"`, fmt.Sprintf("into = %q", archive+"/{year}/{mailbox}"))
			w.syncOK()

			plan := told[archiveTold](t, w.run("archive", "--json"), "archive")
			if plan.Applied || plan.Before.Used != before || plan.Before.Limit != limit || plan.After.Used > limit/2 || len(plan.Mailboxes) != 2 {
				t.Errorf("the plan is %+v; used are %d of %d", plan, before, limit)
			}
			if now, _ := used(t, client); now != before {
				t.Fatal("the plan changed the server")
			}
			o := w.run("archive", "--apply", "--json")
			o.want(t, 0)
			did := told[archiveTold](t, o, "archive")
			after, _ := used(t, client)
			if did.Gone != plan.Messages || did.Stay != 0 || did.After.Used != after || after >= limit/2 {
				t.Errorf("it did %+v; used are %d of %d", did, after, limit)
			}
			left := serverDigests(t, client, []string{"INBOX", "Lists"})
			filed := digests(t, archive)
			if n := len(left); n != len(mail)-did.Gone || len(filed) != did.Gone {
				t.Errorf("%d left on the server, %d in the archive, of %d", n, len(filed), len(mail))
			}
			for sum := range mail {
				if left[sum]+filed[sum] != 1 {
					t.Errorf("%x is %d times on the server and %d times in the archive", sum[:4], left[sum], filed[sum])
				}
			}
			for _, f := range readFiles(t, archive, filepath.Join("2015", "INBOX")) {
				if strings.Join(f.flags, " ") != `Work \Seen` && strings.Join(f.flags, " ") != `\Seen Work` || f.date.Year() != 2015 {
					t.Errorf("%s has flags %v, date %v", f.path, f.flags, f.date)
				}
			}
			for range 2 {
				if a := w.syncOK(); a.Fetched+a.Appended+a.DeletedOnDisk != 0 {
					t.Errorf("the sync after it: %+v", a)
				}
			}
			remove(t, filepath.Join(w.root, ".mailsync"))
			if a := w.syncOK(); a.Fetched+a.Appended != 0 {
				t.Errorf("the sync without a state: %+v", a)
			}
			if again := told[archiveTold](t, w.run("archive", "--apply", "--json"), "archive"); again.Gone != 0 {
				t.Errorf("there was room, and it archived %+v", again)
			}
		})
	}
}

// A file that somebody altered keeps its message on the server; it is named, and exit 1. So
// is one that cannot be read. The others go.
func TestArchiveKeepsWhatDoesNotPass(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	srv := servers.Dovecot(t)
	srv.AddUser("ada")
	client := srv.LogIn("ada")
	oldMail(t, client, "INBOX", 0, 5, 500)
	w := newWorld(t, bin, srv)
	w.syncOK()
	files := readMaildir(t, w.root, "INBOX")
	p := filepath.Join(w.root, files[3].path)
	text, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, bytes.Replace(text, []byte("x\n"), []byte("y\n"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	o := w.run("archive", "--older-than", "1y", "--apply")
	o.want(t, 1)
	if !strings.Contains(o.Stderr, "INBOX: uid 3: ") || !strings.Contains(o.Stderr, "stays on the server") || !strings.Contains(o.Stdout, "4 messages archived") {
		t.Errorf("it says\n%s%s", o.Stdout, o.Stderr)
	}
	left, err := client.Read("INBOX", false)
	if err != nil || len(left) != 1 || left[0].UID != 3 {
		t.Errorf("left are %+v, %v", left, err)
	}
	w.run("verify", "--repair").want(t, 0)
	o = w.run("archive", "--older-than", "1y", "--apply")
	o.want(t, 0)
	if left, err := client.Read("INBOX", false); err != nil || len(left) != 0 {
		t.Errorf("left are %+v, %v", left, err)
	}
}

// What an archive run took comes back: bodies, flags, keywords and dates; and the sync after
// it fetches and doubles nothing.
func TestArchiveUndo(t *testing.T) {
	t.Parallel()
	bin := program.Path(t)
	for _, c := range []struct {
		name  string
		begin func(t testing.TB, opts ...servers.Option) *servers.Server
	}{{"Dovecot", servers.Dovecot}, {"Cyrus", servers.Cyrus}} {
		t.Run(c.name, func(t *testing.T) {
			srv := c.begin(t)
			srv.AddUser("ada")
			client := srv.LogIn("ada")
			oldMail(t, client, "INBOX", 0, 20, 500)
			w := newWorld(t, bin, srv)
			w.syncOK()
			before, err := client.Read("INBOX", true)
			if err != nil {
				t.Fatal(err)
			}
			archive := filepath.Join(t.TempDir(), "archive")
			w.run("archive", "--older-than", "1y", "--into", archive, "--apply").want(t, 0)
			w.syncOK()
			w.run("verify").want(t, 0)
			away := archive + ".away"
			if err := os.Rename(archive, away); err != nil {
				t.Fatal(err)
			}
			if o := w.run("verify"); o.Code == 0 || !strings.Contains(o.Stderr, "is it mounted?") {
				t.Errorf("verify without the archive: exit %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
			if err := os.Rename(away, archive); err != nil {
				t.Fatal(err)
			}
			w.run("archive", "--undo").want(t, 0)
			after, err := client.Read("INBOX", true)
			if err != nil || len(after) != len(before) {
				t.Fatalf("%d of %d are back, %v", len(after), len(before), err)
			}
			for i, m := range before {
				if b := after[i]; !bytes.Equal(m.Body, b.Body) || !m.Date.Equal(b.Date) || strings.Join(serverFlags(m), " ") != strings.Join(serverFlags(b), " ") {
					t.Errorf("uid %d came back as uid %d: %v %v, was %v %v", m.UID, b.UID, b.Flags, b.Date, m.Flags, m.Date)
				}
			}
			for range 2 {
				if a := w.syncOK(); a.Fetched+a.Appended+a.FlagsToServer+a.FlagsToDisk != 0 || a.Here != len(before) {
					t.Errorf("the sync after it: %+v", a)
				}
			}
			compare(t, client, "INBOX", w.root, "INBOX")
			if n := len(digests(t, archive)); n != 0 {
				t.Errorf("%d are in the archive still", n)
			}
			if o := w.run("archive", "--undo"); o.Code != 0 || !strings.Contains(o.Stdout, "nothing to do") {
				t.Errorf("undone again: %d\n%s%s", o.Code, o.Stdout, o.Stderr)
			}
		})
	}
}
