package sync_test

import (
	"context"
	"fmt"
	"testing"

	"mailsync/backends/maildir/disk"
	"mailsync/internal/testkit/mem"
	"mailsync/sync"
	"mailsync/sync/plan"
	"mailsync/sync/send"
)

// opening counts the files that are opened to be read, and ends a run at one of them.
type opening struct {
	disk.FS
	after  int // that many
	opened int
	end    func()
}

func (o *opening) Open(name string) (disk.File, error) {
	if o.opened++; o.opened == o.after {
		o.end()
	}
	return o.FS.Open(name)
}

// A run that is interrupted reads no more than it has in hand, however many files it would still have to read: they
// may be hundreds of thousands.
func TestInterruptedRunReadsNoMore(t *testing.T) {
	const files = 1000
	for name, make := range map[string]func(l *lab){
		"the state is lost": func(l *lab) {
			l.clean(t)
			l.base = mem.NewBase()
		},
		"the server numbers anew": func(l *lab) {
			l.clean(t)
			l.server.Change("INBOX", func(m *mem.Mailbox) { m.Renumber(m.UIDValidity+1, 1000) })
		},
		"files are appended": func(l *lab) {
			l.clean(t)
			for n := range files {
				l.drop(t, fmt.Sprintf("INBOX/cur/%d.home:2,S", n), fmt.Sprintf("Subject: new %d\n\nletter\n", n))
			}
			l.policy.Append = true
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab()
			l.policy = plan.Policy{FlagsToDisk: true, FlagsToServer: true, MaxDelete: 100}
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				for n := range files {
					m.Add(body(n), 1700000000+int64(n))
				}
			})
			make(l)
			ctx, cancel := context.WithCancel(t.Context())
			o := &opening{FS: l.disk, after: 100, end: cancel}
			r := sync.Run(ctx, l.account(o))
			if o.opened < 100 {
				t.Fatalf("it reads %d files", o.opened)
			}
			// The messages of a batch that is sent are opened to be read, to be identified and to be sent.
			if more := o.opened - o.after; more > 4*send.Batch || r.Fatal == nil {
				t.Errorf("%d files more were read, and it ended with %v", more, r.Fatal)
			}
			l.clean(t)
		})
	}
}
