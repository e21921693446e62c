package contract

import (
	"fmt"
	"io"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"mailsync/state"
	"mailsync/sync/port"
)

// Server runs the suite for what sync.Server changes. open returns an account with an
// empty INBOX, another each time, on a server that has UIDPLUS.
func Server(t *testing.T, open func(t *testing.T) port.Server) {
	tests := []struct {
		name string
		run  func(w *serverWorld)
	}{
		{"an appended message is there as it was sent", serverAppend},
		{"a message that cannot be sent does not stop the others", serverAppendBad},
		{"nothing is appended where there is no mailbox", serverAppendNowhere},
		{"flags change as asked and are echoed", serverStore},
		{"a message that changed meanwhile is left alone", serverStoreSince},
		{"expunge takes what it is told and nothing else", serverExpunge},
		{"expunge keeps what is another message", serverExpungeOther},
		{"expunge by way of the trash leaves nothing there", serverExpungeTrash},
		{"nothing is done in another generation", serverRenumbered},
		{"a move keeps bytes, flags and date", serverMove},
		{"nothing is moved where there is no mailbox", serverMoveNowhere},
		{"a mailbox that is made is listed as it was asked for", serverCreate},
		{"what identifies a message is read from it", serverIdents},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.run(&serverWorld{T: t, s: open(t), kw: map[string]*state.Keywords{}})
		})
	}
}

// serverWorld is an account in a test.
type serverWorld struct {
	*testing.T
	s  port.Server
	kw map[string]*state.Keywords // by raw name
}

// day is the date of the first message; each later one is a minute younger.
var day = time.Date(2021, 2, 3, 4, 5, 6, 0, time.UTC).Unix()

func bodyOf(n int) string {
	return fmt.Sprintf("From: ada@example.org\r\nMessage-ID: <%d@example.org>\r\nSubject: number %d\r\n\r\n%s", n, n,
		strings.Repeat("A line of text.\r\n", n))
}

func outgoing(n int, flags state.Flags) state.Outgoing {
	body := bodyOf(n)
	return state.Outgoing{Flags: flags, Date: day + 60*int64(n), Size: int64(len(body)),
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }}
}

func (w *serverWorld) keywords(raw string) *state.Keywords {
	if w.kw[raw] == nil {
		w.kw[raw] = state.NewKeywords(nil)
	}
	return w.kw[raw]
}

// fill appends messages 1 to n, without flags, and returns what a scan shows.
func (w *serverWorld) fill(raw string, n int) []state.OnServer {
	w.Helper()
	var msgs []state.Outgoing
	for i := range n {
		msgs = append(msgs, outgoing(i+1, 0))
	}
	out, err := w.s.Append(w.Context(), raw, msgs, w.keywords(raw))
	ok(w.T, err)
	for i, a := range out {
		if a.Err != nil {
			w.Fatalf("append %d: %v", i+1, a.Err)
		}
	}
	return w.scan(raw).Messages
}

func (w *serverWorld) scan(raw string) *state.ServerSnapshot {
	w.Helper()
	sn, err := w.s.Scan(w.Context(), state.ScanRequest{Raw: raw, Full: true, Keywords: w.keywords(raw)})
	ok(w.T, err)
	if !sn.Complete || !sn.All {
		w.Fatalf("scan of %s is not complete: %+v", raw, sn)
	}
	return sn
}

// has fails the test unless a mailbox holds these messages of bodyOf, in any order.
func (w *serverWorld) has(raw string, want ...int) {
	w.Helper()
	var sizes, wanted []int64
	for _, m := range w.scan(raw).Messages {
		sizes = append(sizes, m.Size)
	}
	for _, n := range want {
		wanted = append(wanted, int64(len(bodyOf(n))))
	}
	slices.Sort(sizes)
	slices.Sort(wanted)
	if !slices.Equal(sizes, wanted) {
		w.Errorf("%s holds sizes %v, want those of %v", raw, sizes, want)
	}
}

// box makes a mailbox and returns its raw name.
func (w *serverWorld) box(levels ...string) string {
	w.Helper()
	m, err := w.s.CreateMailbox(w.Context(), levels, "")
	ok(w.T, err)
	return m.Raw
}

func (w *serverWorld) validity(raw string) uint32 { return w.scan(raw).Mark.UIDValidity }

// bodies fetches messages.
func (w *serverWorld) bodies(raw string, uids ...state.UID) map[state.UID]string {
	w.Helper()
	f := &fetching{item: state.Item{Raw: raw, UIDValidity: w.validity(raw), UIDs: uids}, got: map[state.UID]string{}}
	ok(w.T, w.s.Fetch(w.Context(), f))
	ok(w.T, f.err)
	return f.got
}

// fetching is a state.Work of one item.
type fetching struct {
	mu   gosync.Mutex
	item state.Item
	out  bool
	got  map[state.UID]string
	err  error
}

func (f *fetching) Next(string) (state.Item, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := !f.out
	f.out = true
	return f.item, first
}

func (f *fetching) Body(_ state.Item, in state.Incoming, r io.Reader) error {
	b, err := io.ReadAll(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.got[in.UID] = string(b)
	return err
}

func (f *fetching) Done(_ state.Item, err error) { f.err = err }

func uidsOf(messages []state.OnServer) []state.UID {
	var out []state.UID
	for _, m := range messages {
		out = append(out, m.UID)
	}
	return out
}
