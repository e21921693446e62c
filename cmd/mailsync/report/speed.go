package report

import "time"

// window is the time over which a rate is measured.
const window = 15 * time.Second

// speed keeps samples of what has moved in the last seconds.
type speed struct {
	samples []sample
	moved   time.Time // when the last octet was seen to have moved
}

// sample is what has moved by a time since the run began.
type sample struct {
	at              time.Time
	bytes, messages int64
}

// add adds a sample. While nothing has moved yet there is only one: what was before the first
// octet says nothing about the line.
func (s *speed) add(now sample) {
	n := len(s.samples)
	if n == 0 && now.bytes+now.messages > 0 || n > 0 && (now.bytes != s.samples[n-1].bytes || now.messages != s.samples[n-1].messages) {
		s.moved = now.at
	}
	if s.moved.IsZero() {
		s.samples = []sample{now}
		return
	}
	s.samples = append(s.samples, now)
	for len(s.samples) > 2 && now.at.Sub(s.samples[1].at) >= window {
		s.samples = s.samples[1:]
	}
}

// rates returns bytes and messages a second over the window; 0 while too little is known.
func (s *speed) rates() (bytes, messages float64) {
	if s.moved.IsZero() {
		return 0, 0
	}
	first, last := s.samples[0], s.samples[len(s.samples)-1]
	took := last.at.Sub(first.at).Seconds()
	if took < 1 {
		return 0, 0
	}
	return max(0, float64(last.bytes-first.bytes)/took), max(0, float64(last.messages-first.messages)/took)
}

// still is how long nothing has moved, once something has.
func (s *speed) still(now time.Time) time.Duration {
	if s.moved.IsZero() {
		return 0
	}
	return now.Sub(s.moved)
}

// smallBody is the average size of a body below which it is the number of messages that takes the time, not
// their bytes: a round trip, a file and its fsync each.
const smallBody = 16 << 10

// left is how long the rest will take at these rates, 0 where that is not known.
func left(bytes, messages int64, byteRate, messageRate float64) time.Duration {
	var seconds float64
	if bytes > 0 {
		if byteRate <= 0 {
			return 0
		}
		seconds = float64(bytes) / byteRate
	}
	if messages > 0 && bytes/messages < smallBody {
		if messageRate <= 0 {
			return time.Duration(seconds * float64(time.Second))
		}
		seconds = max(seconds, float64(messages)/messageRate)
	}
	const most = 1000 * 24 * time.Hour
	return min(most, time.Duration(min(seconds, most.Seconds())*float64(time.Second)))
}
