package restore

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"mailsync/state"
)

const (
	hour = 3600
	day  = 24 * hour
	year = 365 * day
	none = state.NoDate
)

// stamp is what a file knows of when its message arrived.
type stamp struct{ Mtime, Named, Received, Written int64 }

// Which dates messages get, by mtime, name, Received and Date, all in seconds after 2010.
func TestDatesOfFiles(t *testing.T) {
	base := time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	now := int64(16 * year)
	for _, c := range []struct {
		name  string
		files []stamp
		want  []int64
	}{
		{"as delivered", []stamp{{day, day, day - 5, day - 60}, {9 * day, 9 * day, 9*day - 5, none}, {year, year, none, none}}, []int64{day, 9 * day, year}},
		{"cp -r: names and headers tell years", []stamp{{now, day, day - 5, day}, {now + 9, year, year, year}, {now + 20, 3 * year, none, none}}, []int64{day, year, 3 * year}},
		{"cp -r, and names tell nothing", []stamp{{now, none, day, day - 60}, {now + 9, none, year, year}, {now + 20, none, none, 3 * year}}, []int64{day, year, 3 * year}},
		{"cp -r of mail that was sent from here", []stamp{{now, none, none, day}, {now + 9, none, none, year}}, []int64{day, year}},
		{"cp -r, and neither names nor headers tell anything", []stamp{{now, none, none, none}, {now + 9, none, none, none}}, []int64{now, now + 9}},
		{"cp -r over a night, hours long", []stamp{{now, day, none, none}, {now + 5*hour, year, none, none}, {now + 10*hour, 2 * year, none, none}}, []int64{day, year, 2 * year}},
		{"copied twice, half each time", []stamp{{5 * year, day, none, none}, {5*year + 9, year, none, none}, {now, 2 * year, none, none}, {now + 9, 3 * year, none, none}}, []int64{day, year, 2 * year, 3 * year}},
		{"copied, and delivered to since", []stamp{{now, day, day, none}, {now + 9, year, year, none}, {now + 3*day, now + 3*day, now + 3*day, none}}, []int64{day, year, now + 3*day}},
		{"really delivered within the hour", []stamp{{now, now, now - 5, now - 9}, {now + 60, now + 60, now + 50, now}, {now + hour, now + hour, now + hour, now}}, []int64{now, now + 60, now + hour}},
		{"really delivered within the hour, and one clock of a writer is years late", []stamp{{now, now, now - 5, day}, {now + 60, now + 60, now + 50, year}}, []int64{now, now + 60}},
		{"a list's digest of old letters, delivered at once", []stamp{{now, now, none, day}, {now + 60, now + 60, none, year}, {now + 70, now + 70, none, 2 * year}}, []int64{now, now + 60, now + 70}},
		{"held up for two days, both", []stamp{{3 * day, none, day, none}, {3*day + 60, none, day + 50, none}}, []int64{3 * day, 3*day + 60}},
		{"one message, copied: name and header agree", []stamp{{now, day, day - 5, day - 60}}, []int64{day}},
		{"one message, and only its header is old", []stamp{{now, none, day, day}}, []int64{now}},
		{"one message, and only its name is old", []stamp{{now, day, none, none}}, []int64{now}},
		{"ten messages of one day, copied", []stamp{{now, day, day, none}, {now + 1, day + 60, day + 55, none}, {now + 2, day + hour, none, day + hour}}, []int64{day, day + 60, day + hour}},
		{"fetched by a program that gives its own seconds, dates kept", []stamp{{day, now, day, day}, {year, now + 1, year, year}}, []int64{day, year}},
		{"the same, copied after that", []stamp{{now + year, now, day, day}, {now + year + 1, now + 1, year, year}}, []int64{day, year}},
		{"the zero of a clock", []stamp{{none, day, none, none}, {none, none, year, none}, {none, none, none, none}}, []int64{day, year, none}},
		{"nothing", nil, []int64{}},
	} {
		shift := func(d int64) int64 {
			if d == none {
				return d
			}
			return base + d
		}
		var files []*state.FileIdent
		want, got := []int64{}, []int64{}
		for i, f := range c.files {
			files = append(files, &state.FileIdent{Date: shift(f.Mtime), Named: shift(f.Named), Received: shift(f.Received), Written: shift(f.Written)})
			want = append(want, shift(c.want[i]))
		}
		redate(files)
		for _, f := range files {
			got = append(got, f.Date)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", c.name, fmt.Sprint(got), want)
		}
	}
}
