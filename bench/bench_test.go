package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mailsync/bench/host"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// The benchmark starts itself to measure.
func TestMain(m *testing.M) {
	started()
	os.Exit(program.Tests{M: m}.Run())
}

// Every row can be measured, checks what it measured, and says whether its goals are reached; a row
// that is in the results is not measured again.
func TestRows(t *testing.T) {
	servers.Need(t, "what is compared", "/usr/sbin/dovecot", "mbsync")
	o := options{Settings: host.Settings{Messages: 60, Mailboxes: 3, Rounds: 1, Seed: 7, Dir: os.TempDir(), Binary: program.Path(t)}, results: filepath.Join(t.TempDir(), "results")}
	measured := func() string {
		var out bytes.Buffer
		if err := run(t.Context(), &out, o, []string{"incremental", "idle", "pop3", "verify", "large", "accounts-10"}); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	out := measured()
	for _, want := range []string{"60 messages in 3 mailboxes", "| incremental: incremental: time |", "reached", "**pop3**", "| nothing to do: peak memory |", "| archive: time |", "| nothing to do: log-ins a second |"} {
		if !strings.Contains(out, want) {
			t.Errorf("the report lacks %q:\n%s", want, out)
		}
	}
	if again := measured(); again != out {
		t.Errorf("it was measured again, though the results are there:\n%s\n%s", out, again)
	}
}

func TestRowNames(t *testing.T) {
	if _, err := chosen([]string{"wan", "nonsense"}, false); err == nil {
		t.Error("a row that is not there was not missed")
	}
	seen := map[string]bool{}
	for _, r := range all() {
		if seen[r.Name] || r.What == "" || strings.ContainsAny(r.Name, " |") {
			t.Errorf("row %q: its name is used twice, or nothing is said of it", r.Name)
		}
		seen[r.Name] = true
	}
}
