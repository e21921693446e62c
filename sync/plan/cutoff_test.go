package plan

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mailsync/state"
)

const day = 24 * time.Hour

var testNow = time.Unix(1_800_000_000, 0)

// daysAgo is a date in seconds since 1970.
func daysAgo(n int) int64 { return testNow.Add(-time.Duration(n) * day).Unix() }

// resident is a message of 100 octets that has been here for a day.
func resident(uid state.UID, age int, change ...func(*Resident)) Resident {
	m := Resident{UID: uid, Date: daysAgo(age), Size: 100, Sent: -1, Fetched: daysAgo(1)}
	for _, f := range change {
		f(&m)
	}
	return m
}

func sent(n int64) func(*Resident) {
	return func(m *Resident) { m.Sent = n }
}

func short(m *Resident) { m.Short = true }

func flagged(m *Resident) { m.Flagged = true }

func unread(m *Resident) { m.Unread = true }

func undated(m *Resident) { m.Date = state.NoDate }

func sized(n int64) func(*Resident) {
	return func(m *Resident) { m.Size = n }
}

func same(word string) func(*Resident) {
	return func(m *Resident) { m.Same = word }
}

func like(word string) func(*Resident) {
	return func(m *Resident) { m.Like = word }
}

func in(box int) func(*Resident) {
	return func(m *Resident) { m.Box = box }
}

func shows(box int) func(*Resident) {
	return func(m *Resident) { m.Box, m.View = box, true }
}

func fetched(at int64) func(*Resident) {
	return func(m *Resident) { m.Fetched = at }
}

func with(s state.Status) func(*Resident) {
	return func(m *Resident) { m.Status = s }
}

func TestChoose(t *testing.T) {
	year := Cutoff{ByAge: true, OlderThan: 365 * day}
	keep := year
	keep.KeepFlagged, keep.KeepUnread = true, true
	room := Cutoff{Below: 250, NeverYoungerThan: 30 * day}
	both := room
	both.ByAge, both.OlderThan = true, 365*day
	large := Cutoff{LargerThan: 1000, NeverYoungerThan: 30 * day}
	pop := Cutoff{Collected: true, FetchedAge: 14 * day, BiggerThan: 1000}
	change := func(c Cutoff, f func(*Cutoff)) Cutoff { f(&c); return c }
	for _, c := range []struct {
		name  string
		rule  Cutoff
		msgs  []Resident
		used  int64
		goes  string // UIDs
		freed int64
		stuck string // UIDs
	}{
		{"the zero value lets nothing go", Cutoff{}, []Resident{resident(1, 9999)}, 1 << 40, "", 0, ""},
		{"by age", year, []Resident{resident(1, 400), resident(2, 365), resident(3, 364)}, 0, "1 2", 200, ""},
		{"without a date it is never old", year, []Resident{resident(1, 0, undated)}, 0, "", 0, ""},
		{"from the future it is not old", change(year, func(c *Cutoff) { c.OlderThan = 0 }), []Resident{resident(1, -3), resident(2, 0)}, 0, "2", 100, ""},
		{"keep", keep, []Resident{resident(1, 400, flagged), resident(2, 400, unread), resident(3, 400)}, 0, "3", 100, ""},
		{"keep nothing", year, []Resident{resident(1, 400, flagged), resident(2, 400, unread)}, 0, "1 2", 200, ""},
		{"oldest first until there is room", room,
			[]Resident{resident(1, 40), resident(2, 60), resident(3, 50), resident(4, 70)}, 400, "2 4", 200, ""},
		{"there is room", room, []Resident{resident(1, 40)}, 249, "", 0, ""},
		{"just not below", room, []Resident{resident(1, 40)}, 250, "1", 100, ""},
		{"the floor holds", room, []Resident{resident(1, 29), resident(2, 30)}, 9000, "2", 100, ""},
		{"without a date there is no oldest", room, []Resident{resident(1, 0, undated)}, 9000, "", 0, ""},
		{"what is old goes, and more until there is room", both,
			[]Resident{resident(1, 400), resident(2, 500), resident(3, 100), resident(4, 90)}, 500, "1 2 3", 300, ""},
		{"what is old goes also where there is room", both, []Resident{resident(1, 400), resident(2, 100)}, 100, "1", 100, ""},
		{"larger only", large, []Resident{resident(1, 40, sized(1001)), resident(2, 40, sized(1000)),
			resident(3, 40, sized(-1)), resident(4, 29, sized(5000))}, 0, "1", 1001, ""},
		{"old and larger", change(year, func(c *Cutoff) { c.LargerThan = 1000 }),
			[]Resident{resident(1, 400, sized(2000)), resident(2, 400), resident(3, 40, sized(2000))}, 0, "1", 2000, ""},
		{"only what the offsite backup has", change(year, func(c *Cutoff) { c.CopiedBefore = daysAgo(5) }),
			[]Resident{resident(1, 400, fetched(daysAgo(6))), resident(2, 400, fetched(daysAgo(5))), resident(3, 400, fetched(0))}, 0, "1", 100, ""},
		{"an untrusted clock decides nothing", change(both, func(c *Cutoff) { c.NoClock = true }), []Resident{resident(1, 9999)}, 9000, "", 0, ""},
		{"what is not here yet goes once it is", year, []Resident{resident(1, 400, with(state.Outstanding)),
			resident(2, 400, with(state.KeptAway)), resident(3, 400, with(state.Skipped)), resident(4, 400, with(state.Doubtful)),
			resident(5, 400, with(state.Released))}, 0, "1 2 3 4 5", 500, ""},
		{"nobody can have it, or the server has not", year, []Resident{resident(1, 400, with(state.Accepted)),
			resident(2, 400, with(state.OnlyHere)), resident(3, 400, with(state.Gone))}, 0, "", 0, ""},
		{"copies count once", room, []Resident{resident(1, 60, same("a")), resident(2, 60, same("a")), resident(3, 50), resident(4, 40)}, 400, "1 2 3", 200, ""},
		{"a copy that is kept keeps the others", keep,
			[]Resident{resident(1, 400, same("a")), resident(2, 400, same("a"), flagged), resident(3, 400, same("b"))}, 0, "3", 100, ""},
		{"a copy that is young keeps the others", year, []Resident{resident(1, 400, same("a")), resident(2, 3, same("a"))}, 0, "", 0, ""},
		{"what a view shows goes with what it may be, and takes no room", year,
			[]Resident{resident(1, 400, in(0), like("a")), resident(2, 400, in(1), like("a")), resident(3, 400, shows(2), like("a")), resident(4, 400, shows(2), like("a")), resident(5, 400, shows(3), like("a"))}, 0, "1 2 3 4 5", 200, ""},
		{"what a view shows and nothing else holds takes room", year,
			[]Resident{resident(1, 400, in(0), like("a")), resident(2, 400, shows(2), like("a")), resident(3, 400, shows(2), like("a")), resident(4, 400, shows(2))}, 0, "1 2 3 4", 300, ""},
		{"one that is kept keeps what shows it", keep,
			[]Resident{resident(1, 400, in(0), like("a"), flagged), resident(2, 400, shows(2), like("a")), resident(3, 400, shows(2), like("b")), resident(4, 400, in(0), like("b"))}, 0, "3 4", 100, ""},
		{"POP3, by age here", pop, []Resident{resident(1, 0, fetched(daysAgo(14))), resident(2, 9999, fetched(daysAgo(13))), resident(3, 9999, fetched(0))}, 0, "1", 100, ""},
		{"POP3, large ones at once", pop, []Resident{resident(1, 0, sized(1001), fetched(0)), resident(2, 0, sized(1000))}, 0, "1", 1001, ""},
		{"POP3, another length than the server says", change(pop, func(c *Cutoff) { c.FetchedAge = 0 }),
			[]Resident{resident(1, 0, sent(99)), resident(2, 0, sent(100))}, 0, "1 2", 199, ""},
		{"POP3, not all is here", pop, []Resident{resident(1, 0, sized(2000), short), resident(2, 0, short)}, 0, "", 0, "1"},
		{"what is not all here stays, and is named where it would go", year,
			[]Resident{resident(1, 400, short, sent(50)), resident(2, 3, short), resident(3, 400)}, 0, "3", 100, "1"},
		{"what a rule spares is not stuck", keep, []Resident{resident(1, 400, short, flagged)}, 0, "", 0, ""},
		{"a copy that is not all here keeps the others", year, []Resident{resident(1, 400, same("a")), resident(2, 400, same("a"), short)}, 0, "", 0, "1 2"},
		{"what is stuck makes no room", room, []Resident{resident(1, 90, short), resident(2, 80), resident(3, 70), resident(4, 60)}, 400, "2 3", 200, "1"},
		{"what came counts, not what was announced", year, []Resident{resident(1, 400, sized(500), sent(480))}, 0, "1", 480, ""},
		{"POP3, at once", change(pop, func(c *Cutoff) { c.FetchedAge = 0 }), []Resident{resident(1, 0, undated, fetched(0)), resident(2, 1)}, 0, "1 2", 200, ""},
		{"POP3, large ones only", change(pop, func(c *Cutoff) { c.FetchedAge = -1 }), []Resident{resident(1, 0, sized(2000)), resident(2, 1)}, 0, "1", 2000, ""},
		{"POP3, an untrusted clock stops ages alone", change(pop, func(c *Cutoff) { c.NoClock = true }),
			[]Resident{resident(1, 0, sized(2000)), resident(2, 0, fetched(daysAgo(99)))}, 0, "1", 2000, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			chosen := c.rule.Choose(c.msgs, c.used, testNow)
			uids := func(of []int) string {
				var uids []string
				for _, i := range of {
					uids = append(uids, fmt.Sprint(c.msgs[i].UID))
				}
				return strings.Join(uids, " ")
			}
			if goes, stuck := uids(chosen.Leaves), uids(chosen.Stuck); goes != c.goes || chosen.Freed != c.freed || stuck != c.stuck {
				t.Errorf("%q go and free %d, %q are stuck; want %q, %d, %q", goes, chosen.Freed, stuck, c.goes, c.freed, c.stuck)
			}
		})
	}
}

// Whatever the rules and the messages: what goes is on the server and no rule spares it;
// copies go together; no more goes than it takes; and once that is gone, there is nothing
// left to choose.
func TestChooseIsNeverGreedy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := Cutoff{
			ByAge: rapid.Bool().Draw(t, "byAge"), OlderThan: time.Duration(rapid.IntRange(0, 100).Draw(t, "older")) * day,
			Below: int64(rapid.IntRange(0, 1500).Draw(t, "below")), NeverYoungerThan: time.Duration(rapid.IntRange(0, 50).Draw(t, "floor")) * day,
			LargerThan:  int64(rapid.SampledFrom([]int{0, 0, 120}).Draw(t, "larger")),
			KeepFlagged: rapid.Bool().Draw(t, "keepFlagged"), KeepUnread: rapid.Bool().Draw(t, "keepUnread"),
			NoClock: rapid.IntRange(0, 9).Draw(t, "noClock") == 0,
		}
		if rapid.Bool().Draw(t, "copied") {
			c.CopiedBefore = daysAgo(10)
		}
		var all []Resident
		var used int64
		for i := range rapid.IntRange(0, 12).Draw(t, "n") {
			m := resident(state.UID(i+1), rapid.IntRange(-2, 120).Draw(t, "age"), sized(int64(rapid.IntRange(90, 200).Draw(t, "size"))),
				same(rapid.SampledFrom([]string{"", "", "a", "b"}).Draw(t, "same")), fetched(daysAgo(rapid.IntRange(5, 15).Draw(t, "fetched"))),
				with(state.Status(rapid.IntRange(0, int(state.Lacking)).Draw(t, "status"))))
			m.Short = rapid.IntRange(0, 9).Draw(t, "short") == 0
			m.Flagged, m.Unread = rapid.Bool().Draw(t, "flagged"), rapid.Bool().Draw(t, "unread")
			if rapid.IntRange(0, 9).Draw(t, "undated") == 0 {
				m.Date = state.NoDate
			}
			all = append(all, m)
			used += m.Size
		}
		chosen := c.Choose(all, used, testNow)
		goes, freed := chosen.Leaves, chosen.Freed
		gone := map[int]bool{}
		for _, i := range goes {
			m := all[i]
			gone[i] = true
			if c.spares(m, testNow) || m.Short || m.Date == state.NoDate || c.NoClock {
				t.Fatalf("%+v goes", m)
			}
			if m.Date > daysAgo(int(min(c.OlderThan, c.NeverYoungerThan)/day)) {
				t.Fatalf("%+v is too young", m)
			}
		}
		for i, m := range all {
			for j, o := range all {
				if m.Same != "" && m.Same == o.Same && gone[i] != gone[j] {
					t.Fatalf("copies are parted: %+v goes, %+v stays", m, o)
				}
			}
		}
		if !c.ByAge && c.Below > 0 && len(goes) > 0 && used-freed < c.Below-200 {
			t.Fatalf("%d of %d are freed, to get below %d", freed, used, c.Below)
		}
		var left []Resident
		for i, m := range all {
			if !gone[i] {
				left = append(left, m)
			}
		}
		if again := c.Choose(left, used-freed, testNow).Leaves; len(again) > 0 {
			t.Fatalf("then %v more go", again)
		}
		if more := c.Choose(all, used, testNow).Leaves; !slices.Equal(more, goes) {
			t.Fatalf("first %v go, then %v", goes, more)
		}
	})
}

// A size that is announced too small, or not at all, keeps no large message on the server.
func TestCutoffGoesByTheLargestSize(t *testing.T) {
	for _, c := range []struct {
		announced, came int64
		goes            bool
	}{{900, 900, true}, {0, 900, true}, {-1, 900, true}, {10, 900, true}, {900, 10, true}, {900, -1, true}, {10, 10, false}, {-1, -1, false}} {
		m := Resident{UID: 1, Date: 1, Size: c.announced, Sent: c.came, Fetched: 1}
		for name, rule := range map[string]Cutoff{
			"POP3": {Collected: true, FetchedAge: -1, BiggerThan: 500}, "archive": {ByAge: true, LargerThan: 500}} {
			if got := rule.Choose([]Resident{m}, 0, time.Unix(2e9, 0)).Leaves; (len(got) == 1) != c.goes {
				t.Errorf("%s: announced %d, came %d: %v goes", name, c.announced, c.came, got)
			}
		}
	}
}

// What nothing may take off a POP3 server is undeletable where the rules want it to go, and of no
// interest else.
func TestUndeletable(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	old := now.Add(-20 * 24 * time.Hour).Unix()
	all := []Resident{
		{UID: 1, Status: state.Live, Fetched: old, Fixed: true},
		{UID: 2, Status: state.Live, Fetched: old},
		{UID: 3, Status: state.Live, Fetched: now.Unix(), Fixed: true},
		{UID: 4, Status: state.Accepted, Fetched: old, Fixed: true},
		{UID: 5, Status: state.KeptAway, Fetched: old, Fixed: true},
		{UID: 6, Status: state.Outstanding, Fixed: true},
	}
	for _, c := range []struct {
		name string
		age  time.Duration
		want []int
	}{{"at once", 0, []int{0, 2, 5}}, {"by age", 14 * 24 * time.Hour, []int{0}}, {"never", -1, nil}} {
		if got := (Cutoff{Collected: true, FetchedAge: c.age}).Undeletable(all, now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
