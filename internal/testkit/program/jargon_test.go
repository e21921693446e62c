package program

import "testing"

func TestJargon(t *testing.T) {
	for line, bad := range map[string]bool{
		"mailsync: work: connect to imap.example.org:993: connection refused":                                      false,
		`mailsync: work: INBOX: server answered NO "x509: openat"`:                                                 false,
		"mailsync: work: dial tcp 127.0.0.1:993: connect: connection refused":                                      true,
		"mailsync: work: make maildir: mkdirat INBOX: permission denied":                                           true,
		"mailsync: work: read /m/x: read /m/x: input/output error":                                                 true,
		"mailsync: work: connection closed (unexpected EOF)":                                                       true,
		"mailsync: a: it is full\nmailsync: b: it is full\nmailsync: hint: free some\nmailsync: hint: free some\n": false,
		"mailsync: a: it is full\nmailsync: a: it is full\n":                                                       true,
		`time=12:00 level=INFO msg="x" err="read tcp 127.0.0.1:1->127.0.0.1:2: i/o timeout"`:                       false,
	} {
		if got := len(Jargon(line)) > 0; got != bad {
			t.Errorf("%s: %v", line, got)
		}
	}
}
