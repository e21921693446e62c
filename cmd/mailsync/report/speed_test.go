package report

import (
	"testing"
	"time"
)

// On a line of 100 kB/s the bytes move within a second, the rate is steady, and after 20 seconds the time left is within a
// third of the truth, also where the run scanned for minutes before, and where bodies come in lumps.
func TestTimeLeftOfASlowLine(t *testing.T) {
	const rate, total = 100_000, 30_000_000
	for _, lump := range []int64{1_000, 20_000, 150_000} {
		w := terminal(200)
		a := w.Account("work")
		w.draw(at(0)) // it connects, and scans for two minutes
		a.Planned(100, total)
		w.draw(at(120))
		var given int64
		shown := ""
		for tick := 1; tick <= 5*60; tick++ {
			seconds := float64(tick) / 5
			for due := int64(seconds*rate) / lump * lump; given < due; given += lump {
				a.Arrived(0, lump)
			}
			w.draw(at(120 + seconds))
			if now := w.String(); tick%5 == 0 && lump < rate {
				if now == shown {
					t.Errorf("%.0f s: nothing has moved for a second: %s", seconds, now)
				}
				shown = now
			}
			if seconds < 20 {
				continue
			}
			truth := time.Duration(float64(total-given) / rate * float64(time.Second))
			if left := a.progress.shown.left; left < truth*2/3 || left > truth*4/3 {
				t.Fatalf("lumps of %d, %.0f s: %v left, in truth %v", lump, seconds, left, truth)
			}
		}
	}
}

// Many small messages: their number takes the time, not their bytes.
func TestTimeLeftOfSmallMessages(t *testing.T) {
	w := terminal(200)
	a := w.Account("work")
	a.Planned(10_000, 10_000*500+4000)
	for tick := range 100 {
		w.draw(at(float64(tick) / 5))
		a.Arrived(20, 20*500) // 100 messages a second
	}
	w.draw(at(20))
	w.expect(t, " 19% work: 0.95 of 4.8 MiB, 2000 of 10000 messages, 100 messages/s, 1 min 20 s left, connecting")
}

// What has to be fetched again is taken back, and an announced length that was wrong is put right: it is never more than all,
// and in the end it is all.
func TestProgressTakesBack(t *testing.T) {
	w := terminal(200)
	a := w.Account("work")
	a.Planned(2, 4000)
	a.Arrived(1, 3000)
	a.Arrived(0, 1000)
	if got := a.progress.read(); got.percent() != 50 {
		t.Errorf("%d %% of %+v", got.percent(), got)
	}
	a.Arrived(-1, -3000)
	if got := a.progress.read().percent(); got != 25 {
		t.Errorf("%d %%, of which three quarters come again", got)
	}
	a.Arrived(1, 9000) // more than was announced, and nobody has put it right yet
	if got := a.progress.read(); got.percent() > 100 || got.arrived != 4000 {
		t.Errorf("%d %%, %d bytes of 4000", got.percent(), got.arrived)
	}
	a.Planned(0, 6000)
	a.Arrived(1, 0)
	if got := a.progress.read(); got.percent() != 100 || !got.finished() {
		t.Errorf("%+v", got)
	}
	if got := a.progress.received.Load(); got != 13000 {
		t.Errorf("%d bytes were received", got)
	}
}

// A POP3 server may announce no sizes: then it is the messages that count.
func TestProgressWithoutSizes(t *testing.T) {
	w := terminal(200)
	a := w.Account("isp")
	a.Planned(40, 0)
	w.draw(at(0))
	for i := range 10 {
		a.Planned(0, 5000) // as they are complete
		a.Arrived(1, 5000)
		w.draw(at(float64(i + 1)))
	}
	w.expect(t, " 25% isp: 48 of 49 KiB, 10 of 40 messages, 1 messages/s, 30 s left, connecting")
}

// What had arrived before the first look and then stops is silence, too.
func TestSilenceAfterTheFirstLook(t *testing.T) {
	w := terminal(80)
	a := w.Account("work")
	a.Planned(1, 1<<20)
	a.Arrived(0, 1<<19)
	for s := range 8 {
		w.draw(at(float64(s)))
	}
	w.expect(t, " 50% work: 0.50 of 1.0 MiB, 0 of 1 message, nothing for 7 s, connecting")
}
