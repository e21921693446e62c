//go:build unix

package main_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

// objects returns the objects of a kind among lines of --json.
func objects(t *testing.T, stdout, kind string) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var o map[string]any
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if o["type"] == kind {
			all = append(all, o)
		}
	}
	return all
}

// What "check" tells of a certificate's key is what tls_pins takes, also where nobody
// trusts the certificate; "list" and "status" show what a sync makes of a real server.
func TestLookingAtARealServer(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	_, n := lay(t, srv, 13, 60)
	w := newWorld(t, program.Path(t), srv)
	host, port, _ := strings.Cut(srv.IMAPS, ":")
	nobody := settings{fmt.Sprintf("host = %q", host), "port = " + port}
	w.configure(nobody)

	o := w.run("check", "--json")
	o.want(t, 5)
	pin, failed := "", ""
	for _, c := range objects(t, o.Stdout, "check") {
		if c["what"] == "its key" && pin == "" {
			pin = c["detail"].(string)
		}
		if c["status"] == "fail" {
			failed += fmt.Sprint(c["what"], " ")
		}
	}
	if !strings.HasPrefix(pin, "sha256/") || failed != "TLS " {
		t.Fatalf("key %q, failed %q:\n%s", pin, failed, o.Stdout)
	}
	w.configure(append(nobody, fmt.Sprintf("tls_pins = [%q]", pin), `exclude = ["role:archive"]`))
	w.run("check").want(t, 0)

	o = w.run("list", "--json")
	o.want(t, 0)
	messages := 0
	for _, m := range objects(t, o.Stdout, "mailbox") {
		count, told := m["messages"].(float64)
		_, sized := m["size"].(float64)
		messages += int(count)
		if !told || !sized || (m["role"] == "archive") == m["included"].(bool) || m["included"].(bool) != (m["path"] != "") {
			t.Errorf("%v", m)
		}
	}
	if messages != n {
		t.Errorf("list counts %d messages, %d are there", messages, n)
	}

	w.run("sync").want(t, 0)
	o = w.run("status", "--json")
	o.want(t, 0)
	here := 0
	for _, m := range objects(t, o.Stdout, "mailbox") {
		here += int(m["here"].(float64))
	}
	if quotas := objects(t, o.Stdout, "quota"); here != n || len(quotas) == 0 || quotas[0]["used"].(float64) <= 0 {
		t.Errorf("%d here of %d, quota %v:\n%s", here, n, quotas, o.Stdout)
	}
}

// backup deletes nothing from a POP3 server either, whatever the configuration says.
func TestBackupDeletesNothingFromPOP3(t *testing.T) {
	t.Parallel()
	srv := servers.Dovecot(t)
	client, _ := lay(t, srv, 14, 40)
	w := newWorld(t, program.Path(t), srv)
	host, port, _ := strings.Cut(srv.POP3S, ":")
	w.configure(settings{`protocol = "pop3"`, fmt.Sprintf("host = %q", host), "port = " + port,
		fmt.Sprintf("tls_ca = %q", srv.CAFile()), `delete = "fetched"`})
	before, err := client.Read("INBOX", false)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		o := w.run("backup")
		o.want(t, 0)
		if want := fmt.Sprintf("%d messages in 1 mailbox: %d here (", len(before), len(before)); !strings.Contains(o.Stdout, want) {
			t.Errorf("no proof %q in %s", want, o.Stdout)
		}
	}
	after, err := client.Read("INBOX", false)
	if err != nil || len(after) != len(before) {
		t.Errorf("%d messages are left of %d: %v", len(after), len(before), err)
	}
}
