package report

import (
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	redraw = 200 * time.Millisecond // how often the progress is drawn
	// patience is how old a run is before there is progress: what ends sooner needs none.
	patience = 300 * time.Millisecond
)

// live is the progress on the terminal. The report's mutex guards it.
type live struct {
	stop    chan struct{} // nil: no progress
	drawing sync.WaitGroup
	widths  []int // columns of the lines that are on the terminal
	columns int   // of the terminal when they were drawn
}

func (r *Report) startLive() {
	stop := make(chan struct{})
	r.live.stop = stop
	r.live.drawing.Go(func() {
		for wait := patience; ; wait = redraw {
			select {
			case <-stop:
				return
			case now := <-time.After(wait):
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

// Escape codes that every terminal of the last forty years obeys (ECMA-48).
const (
	eraseToEnd = "\x1b[K"
	lineUp     = "\x1b[A"
)

// wipe removes the progress from the terminal, until it is drawn again, and leaves the cursor where it began.
func (r *Report) wipe() {
	if len(r.live.widths) == 0 {
		return
	}
	columns, _ := r.opts.Terminal()
	_, _ = io.WriteString(r.opts.Err, "\r"+eraseToEnd+strings.Repeat(lineUp+eraseToEnd, r.live.rows(columns)-1))
	r.live.widths = nil
}

// rows is how many lines of the terminal the progress takes. One that became narrower has
// broken the lines that are longer.
func (l *live) rows(columns int) (n int) {
	for _, width := range l.widths {
		n++
		if columns < l.columns && width > 0 {
			n += (width - 1) / max(columns, 1)
		}
	}
	return n
}

// draw writes the progress over what it was, in one piece, so that it does not flicker. The last column stays free: some
// terminals begin a new line there.
func (r *Report) draw(now time.Time) {
	if r.live.stop == nil || r.suspended.depth > 0 {
		return
	}
	lines := r.lines(now)
	columns, height := r.opts.Terminal()
	if height-1 < len(lines) { // then only what all are doing together
		lines = lines[max(0, len(lines)-max(0, height-1)):]
	}
	if columns != r.live.columns {
		r.wipe()
	}
	if len(lines) == 0 || columns < 2 {
		r.wipe()
		return
	}
	percents := false
	for _, l := range lines {
		percents = percents || l.percent >= 0
	}
	var b strings.Builder
	before := len(r.live.widths)
	if before > 0 {
		b.WriteString("\r" + up(before-1))
	}
	widths := make([]int, len(lines))
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		text := l.fit(columns-1, percents)
		widths[i] = Columns(text)
		b.WriteString(text + eraseToEnd)
	}
	if more := before - len(lines); more > 0 {
		b.WriteString(strings.Repeat("\r\n"+eraseToEnd, more) + up(more) + "\r")
	}
	_, _ = io.WriteString(r.opts.Err, b.String())
	r.live.widths, r.live.columns = widths, columns
}

// up moves the cursor up.
func up(lines int) string {
	if lines < 1 {
		return ""
	}
	return "\x1b[" + strconv.Itoa(lines) + "A"
}
