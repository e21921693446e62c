package sync_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"mailsync/internal/testkit/mem"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/state"
	"mailsync/sync/port"
)

// adding adds up what a run tells those who look on.
type adding struct {
	port.Watch // what else it is told is of no interest
	mu         mutex
	planned    tally
	arrived    tally
	most       tally // by how much more had arrived than was planned
	first      tally // what was planned when the first one arrived
	before     int64 // octets that had arrived before the first message was complete
}

// mutex is a lock: standard sync has no place beside ours.
type mutex chan struct{}

func newMutex() mutex   { return make(mutex, 1) }
func (m mutex) Lock()   { m <- struct{}{} }
func (m mutex) Unlock() { <-m }

type tally struct {
	messages int
	octets   int64
}

func (a *adding) Listed(int)                  {}
func (a *adding) Doing(string, string)        {}
func (a *adding) Mailbox(string, bool)        {}
func (a *adding) Note(string, string, string) {}

func (a *adding) Planned(messages int, octets int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.planned = tally{a.planned.messages + messages, a.planned.octets + octets}
}

func (a *adding) Arrived(messages int, octets int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.arrived == (tally{}) {
		a.first = a.planned
	}
	a.arrived = tally{a.arrived.messages + messages, a.arrived.octets + octets}
	if a.arrived.messages == 0 {
		a.before = max(a.before, a.arrived.octets)
	}
	a.most.messages = max(a.most.messages, a.arrived.messages-a.planned.messages)
	a.most.octets = max(a.most.octets, a.arrived.octets-a.planned.octets)
}

func (a *adding) expect(t *testing.T, want tally) {
	t.Helper()
	if a.planned != want || a.arrived != want {
		t.Errorf("planned %v, arrived %v, want %v", a.planned, a.arrived, want)
	}
	if a.most != (tally{}) {
		t.Errorf("at some time %v more had arrived than was planned", a.most)
	}
}

// breakingServer breaks at a message so often, in the middle of it, and then its item fails.
type breakingServer struct {
	port.Server
	uid   state.UID
	times *int
}

func (s breakingServer) Fetch(ctx context.Context, w state.Work) error {
	return s.Server.Fetch(ctx, &breakingWork{Work: w, s: s, mu: newMutex(), broken: map[int]bool{}})
}

type breakingWork struct {
	state.Work
	s      breakingServer
	mu     mutex
	broken map[int]bool
}

var errBroke = errors.New("the connection broke")

func (w *breakingWork) Body(item state.Item, msg state.Incoming, r io.Reader) error {
	w.mu.Lock()
	breaks := msg.UID == w.s.uid && *w.s.times > 0
	if breaks {
		*w.s.times--
		w.broken[item.ID] = true
	}
	w.mu.Unlock()
	if breaks {
		r = &cutReader{r: r, left: int(msg.Size / 2), err: errBroke}
	}
	return w.Work.Body(item, msg, r)
}

func (w *breakingWork) Done(item state.Item, err error) {
	w.mu.Lock()
	if w.broken[item.ID] {
		err = errBroke
	}
	w.mu.Unlock()
	w.Work.Done(item, err)
}

// Bodies count as they arrive. What has to be fetched again counts once, what is not had does not count, and an announced
// length that is wrong is put right, so that in the end all that was planned has arrived.
func TestProgressOfFetching(t *testing.T) {
	const messages = 10
	for _, c := range []struct {
		name     string
		breaks   int
		announce func(int64) int64
		lost     int
	}{
		{"as announced", 0, nil, 0},
		{"broken twice", 2, nil, 0},
		{"never had", 1000, nil, 1},
		{"announced too long", 0, func(n int64) int64 { return n * 3 }, 0},
		{"announced too short", 0, func(n int64) int64 { return n / 3 }, 0},
		{"announced as nothing", 0, func(int64) int64 { return 0 }, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, look := newLab(), &adding{mu: newMutex()}
			var octets int64
			l.server.Change("INBOX", func(m *mem.Mailbox) {
				for n := range messages {
					m.Add(long(n), 1_500_000_000+int64(n), `\Seen`)
					if c.lost == 0 || n != 4 {
						octets += int64(len(long(n)))
					}
				}
			})
			l.change = func(a *port.Account) {
				a.Watch = look
				a.Server = breakingServer{l.server, 5, &c.breaks}
				if c.announce != nil {
					a.Server = lyingServer{a.Server, c.announce}
				}
			}
			l.run(nil, nil)
			look.expect(t, tally{messages - c.lost, octets})
			if look.before == 0 {
				t.Error("nothing was counted before the first message was complete")
			}
		})
	}
}

// lyingServer announces other sizes than its messages have.
type lyingServer struct {
	port.Server
	announce func(int64) int64
}

func (s lyingServer) Scan(ctx context.Context, req state.ScanRequest) (*state.ServerSnapshot, error) {
	sn, err := s.Server.Scan(ctx, req)
	if err == nil {
		for i := range sn.Messages {
			sn.Messages[i].Size = s.announce(sn.Messages[i].Size)
		}
	}
	return sn, err
}

// The POP3 client holds a message back until it is complete, and it counts as it comes nevertheless.
func TestProgressOfPOP3(t *testing.T) {
	mails := popMails(5)
	octets := int64(0)
	for i := range mails {
		mails[i] += long(i)
		octets += int64(len(mails[i]))
	}
	l, look := newPopLab(t, script.NewBox(mails...)), &adding{mu: newMutex()}
	l.change = func(a *port.Account) { a.Watch = look }
	l.clean(t)
	look.expect(t, tally{len(mails), octets})
	if look.before == 0 {
		t.Error("nothing was counted before the first message was complete")
	}
}

// What is appended counts as it is read; a message that is not taken does not count.
func TestProgressOfAppending(t *testing.T) {
	l, look := newLab(), &adding{mu: newMutex()}
	l.policy.Append = true
	l.server.Change("INBOX", func(m *mem.Mailbox) { m.Add(long(0), 1_500_000_000, `\Seen`) })
	l.clean(t)
	for _, name := range []string{"a", "b", "c"} {
		l.drop(t, "INBOX/cur/"+name+":2,S", long(1)+name)
	}
	l.change = func(a *port.Account) { a.Watch = look }
	l.clean(t)
	look.expect(t, tally{3, 3 * int64(len(long(1)+"a"))})
}

// All that verify reads is known before it reads the first file, and in the end it has read as much.
func TestProgressOfVerify(t *testing.T) {
	l, look := filled(), &adding{mu: newMutex()}
	l.clean(t)
	v := l.verify()
	v.Watch = look
	if verdict := v.Run(t.Context()); verdict.Fatal != nil || len(verdict.Findings) > 0 {
		t.Fatal(verdict.Fatal, verdict.Findings)
	}
	look.expect(t, tally{len(l.files(t)), look.arrived.octets})
	if look.first.messages != len(l.files(t)) || look.arrived.octets == 0 {
		t.Errorf("when the first file was read, %d messages were planned", look.first.messages)
	}
}
