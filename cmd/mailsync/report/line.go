package report

import (
	"fmt"
	"strings"
	"time"
)

// line is one line of the progress before it is fitted to the terminal. Empty parts are left out.
type line struct {
	percent int // -1: not known
	who     string
	tally
	mailboxes string // "3 of 12 mailboxes", while it is not known yet what is to be moved
	speed     string
	left      string
	soon      string // left, in few words
	doing, in string // what, and in which mailbox
}

// lines are the lines for now: one an account that is at work, and where there are several accounts one of all.
func (r *Report) lines(now time.Time) []line {
	var all []line
	sum, sumPace, finished := tally{planned: true}, pace{}, 0
	known := len(r.accounts) >= r.expected // all that there is to do
	endless := false                       // somebody's end cannot be foreseen
	for _, a := range r.accounts {
		c := a.progress.read()
		sum.add(c)
		if a.done {
			finished++
			continue
		}
		p := a.progress.paceOf(now, c)
		known = known && c.planned
		sumPace.bytes += p.bytes
		sumPace.left = max(sumPace.left, p.left) // they are at work side by side
		endless = endless || p.left == 0 && !c.finished() || p.still >= silence && !c.finished()
		all = append(all, a.line(now, c, p))
	}
	accounts := max(r.expected, len(r.accounts))
	if len(all) == 0 || accounts < 2 {
		return all
	}
	l := line{percent: -1, who: "all", tally: sum, doing: fmt.Sprintf("%d of %s done", finished, Plural(accounts, "account"))}
	if known {
		l.percent = sum.percent()
	}
	if known && !endless {
		l.left, l.soon = timeLeft(sumPace.left), roughly(sumPace.left)
	}
	if sumPace.bytes > 0 {
		l.speed = Size(int64(sumPace.bytes)) + "/s"
	}
	return append(all, l)
}

// line is an account's line.
func (a *Account) line(now time.Time, c tally, p pace) line {
	l := line{percent: c.percent(), who: clean(a.name), tally: c}
	l.doing, l.in = a.progress.activity()
	if long := a.progress.unchanged(now, l.doing+l.in); long >= silence && c.finished() {
		l.doing, l.in = strings.TrimSpace(l.doing+" "+l.in)+" for "+inSeconds(long), ""
	}
	switch {
	case c.messages == 0 && a.progress.mailboxes > 0:
		l.mailboxes = fmt.Sprintf("%d of %s", min(a.progress.finished, a.progress.mailboxes), Plural(a.progress.mailboxes, "mailbox"))
	case c.finished(): // nothing moves
	case p.still >= silence:
		l.left = fmt.Sprintf("nothing for %s", inSeconds(p.still))
		l.soon = l.left
	default:
		l.speed, l.left, l.soon = speedOf(c, p), timeLeft(p.left), roughly(p.left)
	}
	return l
}

// silence is how long nothing may arrive before the line says so in place of a rate.
const silence = 5 * time.Second

// activity is what an account's run is doing, and in which mailbox.
func (p *progress) activity() (doing, in string) {
	in = p.in
	if n := len(p.working); n > 0 {
		in = p.working[n-1]
	}
	if p.mailboxes == 0 && p.doing == "" {
		return "connecting", ""
	}
	return clean(p.doing), clean(in)
}

// unchanged is how long a run has done the same, with as many mailboxes finished.
func (p *progress) unchanged(now time.Time, doing string) time.Duration {
	if what := fmt.Sprint(doing, p.finished); what != p.same {
		p.same, p.since = what, now
	}
	return now.Sub(p.since)
}

// speedOf is a rate: in messages where these are small, else in bytes.
func speedOf(c tally, p pace) string {
	switch {
	case p.messages >= 1 && c.messages > 0 && c.bytes/c.messages < smallBody:
		return fmt.Sprintf("%.0f messages/s", p.messages)
	case p.bytes > 0:
		return Size(int64(p.bytes)) + "/s"
	}
	return ""
}

func timeLeft(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d < 10*time.Second:
		return inSeconds(max(d, time.Second)) + " left"
	case d >= 10*time.Minute && d < time.Hour:
		return fmt.Sprintf("%d min left", int(d.Round(time.Minute).Minutes()))
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days left", int(d.Hours()/24))
	}
	return Seconds(d) + " left"
}

// inSeconds is Seconds without tenths.
func inSeconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	return Seconds(d)
}

// roughly is timeLeft in its largest unit.
func roughly(d time.Duration) string {
	switch {
	case d >= 90*time.Minute && d < 48*time.Hour:
		return fmt.Sprintf("%.0f h left", d.Hours())
	case d >= time.Minute && d < 90*time.Minute:
		return fmt.Sprintf("%.0f min left", d.Minutes())
	}
	return timeLeft(d)
}

// bytesOf is how many bytes of how many have arrived. It has so many digits that a slow line moves it within a second;
// short, it has one unit.
func (c tally) bytesOf(short bool) string {
	switch total := Size(c.bytes); {
	case c.bytes == 0:
		return ""
	case short:
		_, unit, _ := strings.Cut(total, " ")
		return inUnit(c.arrived, unit, 1) + " of " + total
	case c.bytes < 1<<20:
		return fmt.Sprintf("%d of %.0f KiB", c.arrived>>10, float64(c.bytes)/(1<<10))
	case c.bytes < 1<<30:
		return inUnit(c.arrived, "MiB", 2) + " of " + total
	default:
		return inUnit(c.arrived, "MiB", 2) + " MiB of " + total
	}
}

// inUnit is a number of bytes in a unit of Size, without it.
func inUnit(n int64, unit string, decimals int) string {
	v := float64(n)
	for u := "B"; u != unit; {
		i := strings.IndexByte("BKMGTP", u[0])
		if i == 5 {
			break
		}
		v, u = v/1024, string("BKMGTP"[i+1])+"iB"
	}
	if unit == "B" {
		decimals = 0
	}
	return fmt.Sprintf("%.*f", decimals, v)
}

// Widths of names.
const (
	longName  = 24
	shortName = 12
	leastName = 6
)

// fit writes the line into so many columns. What matters least is shortened or left out first: what is being done,
// the words of the count of messages, the name's end, the rate, the messages, digits of the bytes.
func (l line) fit(columns int, percents bool) string {
	f := fitting{line: l, percents: percents, name: longName, bytes: l.bytesOf(false)}
	if l.messages > 0 {
		f.count = fmt.Sprintf("%d of %s", l.done, Plural(int(l.messages), "message"))
	}
	steps := []func(){
		func() {
			if l.messages > 0 {
				f.count = fmt.Sprintf("%d/%d msgs", l.done, l.messages)
			}
		},
		func() { f.name = shortName },
		func() { f.speed = strings.Replace(l.speed, "messages", "msgs", 1) },
		func() { f.speed = "" },
		func() { f.bytes = l.bytesOf(true) },
		func() { f.count = "" },
		func() { f.left = l.soon },
		func() { f.name = leastName },
		func() { f.mailboxes = "" },
		func() { f.bytes = "" },
		func() { f.left = "" },
	}
	for _, step := range steps {
		if Columns(f.String()) <= columns {
			break
		}
		step()
	}
	text := f.String()
	sep := ", "
	if strings.HasSuffix(text, ":") {
		sep = " "
	}
	if doing := l.activity(columns - Columns(text) - len(sep)); doing != "" {
		text += sep + doing
	}
	return Cut(text, columns)
}

// activity is what is being done, in so many columns: with the mailbox, or that alone, or its beginning where that says
// something.
func (l line) activity(columns int) string {
	whole := strings.TrimSpace(l.doing + " " + l.in)
	switch {
	case Columns(whole) <= columns:
		return whole
	case l.in == "" || columns < 10 && Columns(l.in) > columns:
		return ""
	}
	return Cut(l.in, columns)
}

// fitting is a line with the parts that are left.
type fitting struct {
	line
	percents     bool // some line of the block has a per cent
	name         int
	bytes, count string
}

func (f fitting) String() string {
	var b strings.Builder
	switch {
	case f.percent >= 0:
		fmt.Fprintf(&b, "%3d%% ", f.percent)
	case f.percents:
		b.WriteString("     ")
	}
	b.WriteString(Cut(f.who, f.name) + ":")
	sep := " "
	for _, part := range []string{f.mailboxes, f.bytes, f.count, f.speed, f.left} {
		if part != "" {
			b.WriteString(sep + part)
			sep = ", "
		}
	}
	return b.String()
}
