package state

import (
	"testing"
	"time"
)

func TestDateOf(t *testing.T) {
	for _, none := range []time.Time{{}, time.Unix(0, 0), time.Unix(-1, 0), time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC),
		time.Date(1970, 1, 1, 0, 0, 0, 0, time.FixedZone("", -12*3600)), time.Date(1970, 12, 31, 23, 59, 59, 0, time.UTC)} {
		if d := DateOf(none.Unix()); d != NoDate {
			t.Errorf("%v is %d", none, d)
		}
	}
	if d := DateOf(NoDate); d != NoDate {
		t.Errorf("no date is %d", d)
	}
	for _, some := range []time.Time{time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(1<<31, 0), time.Date(2105, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if d := DateOf(some.Unix()); d != some.Unix() {
			t.Errorf("%v is %d", some, d)
		}
	}
}
