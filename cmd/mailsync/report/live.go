package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// redraw is how often the progress is drawn.
const redraw = 200 * time.Millisecond

// live is the progress line. The report's mutex guards it.
type live struct {
	stop    chan struct{} // nil: no progress
	drawing sync.WaitGroup
	shown   int // columns of the line that is on the terminal
	speed   speed
}

func (r *Report) startLive() {
	stop := make(chan struct{})
	r.live.stop = stop
	r.live.drawing.Go(func() {
		tick := time.Tick(redraw)
		for {
			select {
			case <-stop:
				return
			case now := <-tick:
				r.mu.Lock()
				r.draw(now)
				r.mu.Unlock()
			}
		}
	})
}

func (r *Report) stopLive() {
	r.mu.Lock()
	stop := r.live.stop
	r.live.stop = nil
	r.wipe()
	r.mu.Unlock()
	if stop != nil {
		close(stop)
	}
	r.live.drawing.Wait()
}

// wipe removes the progress from the terminal, until it is drawn again.
func (r *Report) wipe() {
	if r.live.shown > 0 {
		_, _ = io.WriteString(r.opts.Err, "\r"+strings.Repeat(" ", r.live.shown)+"\r")
		r.live.shown = 0
	}
}

// draw writes the progress over what it was. The last column stays free: some terminals
// begin a new line there.
func (r *Report) draw(now time.Time) {
	line := r.progress(now)
	if r.live.stop == nil || r.suspended.depth > 0 || line == "" {
		return
	}
	for room := r.opts.Width() - 1; Columns(line) > max(room, 0); {
		_, last := utf8.DecodeLastRuneInString(line)
		line = line[:len(line)-last]
	}
	columns := Columns(line)
	pad := strings.Repeat(" ", max(r.live.shown-columns, 0))
	_, _ = io.WriteString(r.opts.Err, "\r"+line+pad)
	r.live.shown = max(columns, r.live.shown)
}

// progress is how far an account's run is.
type progress struct {
	mailboxes, finished int
	messages, fetched   int
	bytes, fetchedBytes int64
	working             []string // mailboxes in work
}

func (p *progress) add(more progress) {
	p.mailboxes += more.mailboxes
	p.finished += more.finished
	p.messages += more.messages
	p.fetched += more.fetched
	p.bytes += more.bytes
	p.fetchedBytes += more.fetchedBytes
	p.working = append(p.working, more.working...)
}

// progress is the line for now: all accounts that are not done, added up.
func (r *Report) progress(now time.Time) string {
	var sum progress
	var names []string
	for _, a := range r.accounts {
		if a.done {
			continue
		}
		names = append(names, clean(a.name))
		sum.add(a.progress)
	}
	if len(names) == 0 {
		return ""
	}
	who := names[0]
	if len(names) > 1 {
		who = Plural(len(names), "account")
	}
	if sum.mailboxes == 0 {
		return who + ": connecting"
	}
	parts := []string{fmt.Sprintf("%s: %d of %s", who, min(sum.finished, sum.mailboxes), Plural(sum.mailboxes, "mailbox"))}
	if sum.messages > 0 {
		parts = append(parts, fmt.Sprintf("%d of %s", sum.fetched, Plural(sum.messages, "message")),
			fmt.Sprintf("%s of %s", Size(sum.fetchedBytes), Size(sum.bytes)))
		if rate := r.live.speed.rate(now, sum.fetchedBytes); rate > 0 {
			left := time.Duration(float64(max(sum.bytes-sum.fetchedBytes, 0))/rate) * time.Second
			parts = append(parts, Size(int64(rate))+"/s", Seconds(max(left, time.Second))+" left")
		}
	}
	if len(sum.working) > 0 {
		parts = append(parts, clean(sum.working[len(sum.working)-1]))
	}
	return strings.Join(parts, ", ")
}

// speed keeps samples of what was fetched in the last seconds.
type speed struct{ samples []sample }

type sample struct {
	at    time.Time
	bytes int64
}

// window is the time over which the rate is measured.
const window = 5 * time.Second

// rate adds a sample and returns bytes a second over the window, 0 while that is not known.
func (s *speed) rate(now time.Time, bytes int64) float64 {
	if n := len(s.samples); n > 0 && bytes < s.samples[n-1].bytes {
		s.samples = nil // an account is done and no longer counted
	}
	s.samples = append(s.samples, sample{now, bytes})
	for len(s.samples) > 2 && now.Sub(s.samples[1].at) >= window {
		s.samples = s.samples[1:]
	}
	first := s.samples[0]
	if took := now.Sub(first.at); took >= time.Second {
		return float64(bytes-first.bytes) / took.Seconds()
	}
	return 0
}
