//go:build unix

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// uses makes a Dovecot give mailboxes special uses: name, use, name, use …
func uses(pairs ...string) servers.Option {
	var text strings.Builder
	text.WriteString("namespace inbox {\n")
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&text, "mailbox %q {\n auto = create\n special_use = %s\n}\n", pairs[i], pairs[i+1])
	}
	return servers.Config(text.String() + "}")
}

// roles are the roles that "status" tells of an account's mailboxes, "mailbox=role".
func (w *world) roles(account string) (all []string) {
	w.t.Helper()
	o := w.run("status", "--json", account)
	o.want(w.t, 0)
	for _, m := range objects(w.t, o.Stdout, "mailbox") {
		if m["role"] != "" {
			all = append(all, fmt.Sprintf("%v=%v", m["mailbox"], m["role"]))
		}
	}
	return all
}

// written is every file below a folder with its time, but for what a run that does nothing writes too.
func written(t *testing.T, root string) map[string]time.Time {
	t.Helper()
	all := map[string]time.Time{}
	err := filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || slices.Contains([]string{"last-run.json", "lock"}, d.Name()) {
			return err
		}
		info, err := d.Info()
		all[p] = info.ModTime()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What a server said a mailbox is for counts when that server is out of reach: no name gives away
// what these are.
func TestRolesAreRemembered(t *testing.T) {
	t.Parallel()
	old := servers.Dovecot(t, uses("Postausgang", `\Sent`, "Werbung", `\Junk`))
	fresh := servers.Dovecot(t, uses("Sent Mail", `\Sent`, "Spam", `\Junk`))
	old.AddUser("ada")
	fresh.AddUser("ada")
	there, other := old.LogIn("ada"), fresh.LogIn("ada")
	for i, name := range []string{"Postausgang", "Postausgang", "Werbung", "INBOX", "Drafts"} {
		text := fmt.Sprintf("Message-ID: <%d@example.org>\r\nSubject: %s\r\n\r\n%d\r\n", i, name, i)
		if err := there.Append(name, nil, time.Unix(1700000000+int64(i), 0), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	w := twoAccounts(t, program.Path(t), old, fresh)
	if a := w.syncOK("work"); a.Fetched != 5 {
		t.Fatalf("fetched %d", a.Fetched)
	}
	if got := w.roles("work"); !slices.Equal(got, []string{"Archive=archive", "Drafts=drafts", "Postausgang=sent", "Werbung=junk"}) {
		t.Errorf("status tells %q", got)
	}

	// A run that has nothing to do writes nothing.
	before := written(t, w.root)
	w.syncOK("work")
	for p, at := range written(t, w.root) {
		if before[p] != at {
			t.Errorf("an idle run wrote %s", p)
		}
	}

	// The use goes to another mailbox, and then the server does not tell uses any more.
	old.Restart(uses("Postausgang", "", "Erledigt", `\Sent`))
	w.syncOK("work")
	want := []string{"Archive=archive", "Drafts=drafts", "Erledigt=sent", "Werbung=junk"}
	if got := w.roles("work"); !slices.Equal(got, want) {
		t.Errorf("status tells %q, want %q", got, want)
	}
	old.Restart(uses("Postausgang", `\Sent`, "Erledigt", ""))
	w.syncOK("work")
	old.Restart(servers.Hide("SPECIAL-USE"))
	w.syncOK("work")
	want = []string{"Archive=archive", "Drafts=drafts", "Postausgang=sent", "Werbung=junk"}
	if got := w.roles("work"); !slices.Equal(got, want) {
		t.Errorf("status tells %q, want %q", got, want)
	}

	// Without the server, without the state, and of a copy that is no account's any more.
	old.Stop()
	read := func(files int, args ...string) {
		t.Helper()
		o := w.run(append([]string{"verify", "--mailbox", "role:sent", "--json"}, args...)...)
		o.want(t, 0)
		if v := objects(t, o.Stdout, "verify"); len(v) != 1 || v[0]["files"].(float64) != float64(files) {
			t.Errorf("it read %v, want %d files\n%s", v, files, o.Stdout)
		}
	}
	read(2, "work")
	for _, name := range []string{"state.db", "state.seal"} {
		remove(t, filepath.Join(w.root, ".mailsync", name))
	}
	read(2, "work")
	bare := filepath.Join(w.dir, "copy")
	if err := os.CopyFS(bare, os.DirFS(w.root)); err != nil {
		t.Fatal(err)
	}
	remove(t, filepath.Join(bare, ".mailsync"))
	restored := func(appended, had int, args ...string) {
		t.Helper()
		o := w.run(append(args, "--json")...)
		o.want(t, 0)
		for _, r := range objects(t, o.Stdout, "restored") {
			if r["to"] == "Sent Mail" && r["appended"] == float64(appended) && r["there"] == float64(had) {
				return
			}
		}
		t.Errorf("%q: nothing restored to Sent Mail as it should be\n%s", args, o.Stdout)
	}
	restored(2, 0, "restore", "work", "--to", "other", "--mailbox", "role:sent")
	restored(0, 2, "restore", "other", "--from", bare, "--mailbox", "role:sent")
	if o := w.run("restore", "other", "--from", bare, "--mailbox", "role:flagged"); o.Code != 2 || !strings.Contains(o.Stderr, "no mailbox matches") {
		t.Errorf("exit %d: %s%s", o.Code, o.Stdout, o.Stderr)
	}
	restored(0, 2, "restore", "work", "--to", "other")
	for name, n := range map[string]int{"Sent Mail": 2, "Spam": 1, "Drafts": 1, "INBOX": 1} {
		if mails, err := other.Read(name, false); err != nil || len(mails) != n {
			t.Errorf("%s has %d messages, want %d: %v", name, len(mails), n, err)
		}
	}
	w.run("sync", "other").want(t, 0)
	if got := w.roles("other"); !slices.Contains(got, "Sent Mail=sent") {
		t.Errorf("status tells %q", got)
	}
}
