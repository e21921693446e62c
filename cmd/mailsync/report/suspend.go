package report

import (
	"io"
	"sync"
)

// suspension is the time in which the terminal belongs to a question. The report's mutex guards it.
type suspension struct {
	depth int
	held  []held
}

// held is something that was to be printed meanwhile.
type held struct {
	to   io.Writer
	text string
}

// Suspend removes the progress from the terminal and holds back everything that is printed, until
// resume is called: meanwhile the caller can write to the terminal and ask something there. Several
// may be in force at once; it does not make questions wait for one another. A second call of resume does nothing.
func (r *Report) Suspend() (resume func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wipe()
	r.suspended.depth++
	return sync.OnceFunc(func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.suspended.depth--; r.suspended.depth == 0 {
			r.release()
		}
	})
}

// write writes a text above the progress, or holds it back. Errors of writing to the terminal are
// ignored: nobody could read them.
func (r *Report) write(to io.Writer, text string) {
	if r.suspended.depth > 0 {
		r.suspended.held = append(r.suspended.held, held{to, text})
		return
	}
	r.wipe()
	_, _ = io.WriteString(to, text)
}

// release prints what was held back, in its order.
func (r *Report) release() {
	for _, h := range r.suspended.held {
		r.wipe()
		_, _ = io.WriteString(h.to, h.text)
	}
	r.suspended.held = nil
}
