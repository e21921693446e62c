package send

import "io"

// This file tells those who look on what is sent, while it is.

// foresee tells of the messages that are to be sent, unless the caller did.
func (s *sending) foresee(files []*Outgoing) {
	if len(files) > 0 {
		s.Doing("appending to", s.b.Name)
	}
	if !s.Foreseen {
		s.Planned(len(files), 0)
	}
}

// measured tells how long a message is, now that it was read.
func (s *sending) measured(f *Outgoing) {
	s.Planned(0, f.Got.Bytes-f.Planned)
	f.Planned = f.Got.Bytes
}

// forgo tells that messages will not be sent in this run.
func (s *sending) forgo(files ...*Outgoing) {
	for _, f := range files {
		s.Arrived(0, -f.counted)
		s.Planned(-1, -f.Planned)
		f.Planned, f.counted = 0, 0
	}
}

// arrived tells that the server has a message.
func (s *sending) arrived(f *Outgoing) {
	s.Arrived(1, f.Planned-f.counted)
	f.counted = f.Planned
}

// counted makes a body count while it is read, and takes back what was counted when it was opened before.
func (s *sending) counted(f *Outgoing, open func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		s.Arrived(0, -f.counted)
		f.counted = 0
		body, err := open()
		if err != nil {
			return nil, err
		}
		return &counting{body, s, f}, nil
	}
}

// counting is the body of a message that is sent.
type counting struct {
	io.ReadCloser
	s *sending
	f *Outgoing
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.f.counted += int64(n)
	c.s.Arrived(0, int64(n))
	return n, err
}
