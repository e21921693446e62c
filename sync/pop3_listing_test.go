package sync_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mailsync/backends/pop3"
	"mailsync/internal/testkit/mem"
	script "mailsync/internal/testkit/pop3script"
	"mailsync/sync/plan"
	"mailsync/sync/port"
)

// popListing is what is wrong with a server's listings: it answers the commands without a
// number in other words. uidls and sizes are the lines that a healthy server would send.
type popListing struct {
	name    string
	answers func(uidls, sizes []string) map[string][]string
	// complete says that nothing is wrong with it after all, whole that the messages have
	// their unique-ids in it: then the singles do not matter.
	complete, whole bool
	// stalls says that the server leaves the client waiting.
	stalls bool
	close  bool // the connection ends behind it
	failed bool // nothing can be known of the mailbox
}

var popListings = []popListing{
	{name: "UIDL lists nothing", answers: func(u, s []string) map[string][]string { return map[string][]string{"UIDL": {"+OK", "."}} }},
	{name: "UIDL lists the first half", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(u[:len(u)/2]...)}
	}},
	{name: "UIDL lists the last half", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(u[len(u)/2:]...)}
	}},
	{name: "UIDL leaves out the new ones", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(u[:8]...)}
	}},
	{name: "UIDL and LIST list the first half", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(u[:len(u)/2]...), "LIST": listed(s[:len(s)/2]...)}
	}},
	{name: "UIDL and LIST list nothing", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": {"+OK", "."}, "LIST": {"+OK", "."}}
	}},
	{name: "UIDL is cut by -ERR", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": append(append([]string{"+OK"}, u[:3]...), "-ERR [SYS/TEMP] lost it")}
	}},
	{name: "UIDL is cut by -ERR and a dot", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": append(append([]string{"+OK"}, u[:3]...), "-ERR lost it", ".")}
	}},
	{name: "UIDL is cut by +OK", failed: true, stalls: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": append(append([]string{"+OK"}, u[:3]...), "+OK well")}
	}},
	{name: "UIDL ends early", failed: true, close: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": append([]string{"+OK"}, u[:3]...)}
	}},
	{name: "UIDL refused", failed: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": {"-ERR not now"}}
	}},
	{name: "LIST lists the first half", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"LIST": listed(s[:len(s)/2]...)}
	}},
	{name: "LIST lists nothing", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"LIST": {"+OK", "."}}
	}},
	{name: "LIST refused", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"LIST": {"-ERR not now"}}
	}},
	{name: "LIST is cut by -ERR", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"LIST": append(append([]string{"+OK"}, s[:3]...), "-ERR lost it")}
	}},
	{name: "STAT counts none", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"STAT": {"+OK 0 0"}}
	}},
	{name: "STAT counts none, UIDL lists none", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"STAT": {"+OK 0 0"}, "UIDL": {"+OK", "."}}
	}},
	{name: "STAT counts none, LIST lists none", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"STAT": {"+OK 0 0"}, "LIST": {"+OK", "."}}
	}},
	{name: "STAT counts fewer", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"STAT": {"+OK 3 100"}}
	}},
	{name: "STAT counts more", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"STAT": {"+OK 99999 100"}}
	}},
	{name: "STAT refused", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"STAT": {"-ERR no"}}
	}},
	{name: "UIDL has one more", whole: true, answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(append(slices.Clone(u), fmt.Sprintf("%d u1", len(u)+1))...)}
	}},
	{name: "a number twice", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(append(slices.Clone(u), "2 other", "3 u3")...)}
	}},
	{name: "a number twice, another missing", answers: func(u, s []string) map[string][]string {
		return map[string][]string{"UIDL": listed(append(slices.Delete(slices.Clone(u), 4, 5), "2 other")...)}
	}},
	{name: "numbers out of range", answers: func(u, s []string) map[string][]string {
		l := slices.Clone(u)
		l[0], l[3], l[5] = "0 u1", "99999999999999999999 u4", "-6 u6"
		return map[string][]string{"UIDL": listed(l...)}
	}},
	{name: "lines without a unique-id", complete: true, answers: func(u, s []string) map[string][]string {
		l := slices.Clone(u)
		for i := range l {
			l[i] = fmt.Sprint(i + 1)
		}
		return map[string][]string{"UIDL": listed(l...)}
	}},
	{name: "one unique-id for all", complete: true, answers: func(u, s []string) map[string][]string {
		l := slices.Clone(u)
		for i := range l {
			l[i] = fmt.Sprint(i+1, " same")
		}
		return map[string][]string{"UIDL": listed(l...)}
	}},
	{name: "one unique-id for half, and one missing", answers: func(u, s []string) map[string][]string {
		l := slices.Clone(u)
		for i := range 4 {
			l[i] = fmt.Sprint(i+1, " u1")
		}
		return map[string][]string{"UIDL": listed(l[:len(l)-1]...)}
	}},
}

func listed(lines ...string) []string { return append(append([]string{"+OK"}, lines...), ".") }

// popSingles are the ways in which a server answers UIDL with a number.
var popSingles = []struct {
	name   string
	answer script.Answer // nil: as it should
}{
	{"", nil},
	{"refused", script.Say("-ERR no such command")},
	{"with nothing", script.Say("+OK")},
	{"with all", nil},
	{"by closing", func(p *script.Peer, _ string) bool { p.Close(); return true }},
}

// handler serves a box with odd listings.
func (o popListing) handler(box *script.Box, single script.Answer, all bool) script.Handler {
	box.Lock()
	defer box.Unlock()
	var uidls, sizes []string
	for i, m := range box.Messages {
		uidls = append(uidls, fmt.Sprintf("%d %s", i+1, m.UIDL))
		sizes = append(sizes, fmt.Sprintf("%d %d", i+1, len(m.Body)))
	}
	answers := script.Answers{}
	lines := o.answers(uidls, sizes)
	for verb, say := range lines {
		answers[verb] = func(p *script.Peer, args string) bool {
			if args != "" && !(all && verb == "UIDL") {
				return verb == "UIDL" && single != nil && single(p, args)
			}
			p.Send(say...)
			if o.close {
				p.Close()
			}
			return true
		}
	}
	if lines["UIDL"] == nil && single != nil {
		answers["UIDL"] = func(p *script.Peer, args string) bool { return args != "" && single(p, args) }
	}
	return script.Healthy(box, answers)
}

// Whatever a server's listings leave out or make up: no message comes twice, none is deleted
// that is not here, a listing that is not whole is reported, and once the server is well
// everything is here, once.
func TestPOP3ListingsThatAreNotWhole(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: it reads hundreds of sessions over sockets")
	}
	for _, o := range popListings {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			for _, single := range popSingles {
				for _, caps := range [][]string{script.DefaultCaps, {"USER", "UIDL"}, nil} {
					for _, life := range []string{"", "deletes", "state lost", "first run"} {
						when := fmt.Sprintf("singles answered %q, capabilities %d, %s", single.name, len(caps), life)
						o.live(t, when, life, caps, single.answer, single.name == "with all")
						if t.Failed() {
							return
						}
					}
				}
			}
		})
	}
}

func (o popListing) live(t *testing.T, when, life string, caps []string, single script.Answer, all bool) {
	bodies := popMails(11)
	box := script.NewBox(bodies[:8]...)
	box.Caps = caps
	l := newPopLab(t, box)
	defer func() { l.server.Close() }()
	l.reach = func(p *pop3.Options) {
		if o.stalls && !slices.Contains(caps, "PIPELINING") {
			p.Timeout = 100 * time.Millisecond
		}
	}
	if life != "first run" {
		l.settle(t)
	}
	l.server.Close() // before anything of its box changes
	for _, body := range bodies[8:] {
		box.Add(body)
	}
	switch life {
	case "state lost":
		l.base = mem.NewBase()
	case "deletes":
		l.change = func(a *port.Account) { a.Release = &port.Release{Cutoff: plan.Cutoff{Collected: true}} }
	}
	l.server = script.New(t, o.handler(box, single, all))
	// Where nobody knows that it has unique-ids, a server that knows no UIDL is one.
	complete := o.complete || o.name == "UIDL refused" && caps == nil && (life == "first run" || life == "state lost") && (single != nil || all)
	for run := range 2 {
		before := len(box.Bodies())
		r := l.run(t, nil, nil)
		if !complete && (r.Status() == "ok" || len(r.Problems) == 0 && r.Fatal == nil) {
			t.Fatalf("%s: run %d is %s: %v %v", when, run, r.Status(), r.Problems, r.Fatal)
		}
		if len(box.Bodies()) < before && !complete {
			t.Fatalf("%s: run %d deleted %d of %d", when, run, before-len(box.Bodies()), before)
		}
		mails := l.mails(t)
		for _, p := range append(r.Problems, port.Problem{}) {
			if p.Err != nil && len(p.Err.Error()) > 400 {
				t.Fatalf("%s: %v", when, p.Err)
			}
		}
		if n := len(mails); len(slices.Compact(mails)) != n {
			t.Fatalf("%s: run %d: doubled: %d mails, %v %v", when, run, n, r.Problems, r.Fatal)
		}
		if got := len(mails); (o.whole || single == nil && !all && !o.failed || life == "first run" && !o.failed && !strings.Contains(o.name, "and LIST list") && !strings.Contains(o.name, "STAT counts none, UIDL")) && got != len(bodies) {
			t.Fatalf("%s: run %d: %d of %d mails: %v %v", when, run, got, len(bodies), r.Problems, r.Fatal)
		}
	}
	l.server.Close()
	l.server, l.reach = script.New(t, script.Healthy(box, nil)), nil
	l.settle(t)
	want := slices.Clone(bodies)
	slices.Sort(want)
	if got := l.mails(t); !slices.Equal(got, want) {
		t.Fatalf("%s: once it is well: %d mails, want %d: %q", when, len(got), len(want), got)
	}
	if r := l.run(t, nil, nil); r.Fetched != 0 || r.Status() != "ok" {
		t.Fatalf("%s: and once more: fetched %d, %s", when, r.Fetched, r.Status())
	}
}
