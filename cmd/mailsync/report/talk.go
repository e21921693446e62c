package report

import "strings"

// Talk tells the person at the terminal something that is no result, on stderr; --quiet leaves it out.
// Each line is made safe to show, because names in it may be a server's.
func (r *Report) Talk(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.opts.Quiet {
		return
	}
	for line := range strings.SplitSeq(text, "\n") {
		r.talk(clean(line))
	}
}

// Wrapped breaks texts into lines of a sensible width, each text marked where it begins.
func Wrapped(texts []string) string {
	lines := make([]string, len(texts))
	for i, text := range texts {
		lines[i] = strings.ReplaceAll(Wrap("- "+text, pageWidth-labelWidth, "  ", "  "), "\n", "\n  ")
	}
	return strings.Join(lines, "\n")
}
