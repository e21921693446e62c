//go:build unix

// Package soak lets the program live: a Dovecot, an IMAP account that is mirrored and a
// POP3 account that is collected, a second client on the server and a mail program in the
// Maildirs that never stop, a network that fails, and one run after the other, many of
// them killed. Every now and then everybody pauses; then both sides have to hold what
// the users wanted, and nothing else.
//
// In the whole suite it lasts some seconds. The real one is
//
//	MAILSYNC_SOAK=30m go test ./cmd/mailsync/soak -run Soak -timeout 45m -v
//
// MAILSYNC_SOAK_SEED plays the same users again, as far as time allows.
package soak

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"mailsync/internal/testkit/network"
	"mailsync/internal/testkit/program"
	"mailsync/internal/testkit/servers"
)

const (
	lengthVariable = "MAILSYNC_SOAK"
	seedVariable   = "MAILSYNC_SOAK_SEED"
	usualLength    = 6 * time.Second
)

func TestMain(m *testing.M) { os.Exit(program.Tests{M: m}.Run()) }

// soak is one life.
type soak struct {
	*world
	length   time.Duration // of the whole
	window   time.Duration // between two pauses
	r        *rand.Rand    // of who runs the program
	srv      *servers.Server
	actor    *servers.Session // the user's on the server
	popActor *servers.Session // who sends mail to the POP3 account's user
	nets     []*network.Network
	model    *model
	begun    time.Time
	inodes   map[inode]string // names of the messages in files
}

func TestSoak(t *testing.T) {
	t.Parallel()
	s := newSoak(t)
	s.rest("the first mail")
	for n := 1; n == 1 || time.Since(s.begun) < s.length; n++ {
		s.live(s.r.IntN(8) == 0)
		s.rest(fmt.Sprintf("window %d", n))
		if event := s.event(); event != "" {
			s.rest(event)
		}
		s.figures.sample(s)
	}
	s.flat()
	for _, n := range s.nets {
		struck := n.Struck()
		s.figures.count("connections", struck.Connections)
		s.figures.count("connections that were refused, cut, reset, stalled or silent", struck.Faults())
	}
	t.Log(s.figures.String())
}

// variable reads a setting from the environment.
func variable[T any](t *testing.T, name string, usual T, parse func(string) (T, error)) T {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	v, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	length := variable(t, lengthVariable, usualLength, time.ParseDuration)
	seed := variable(t, seedVariable, uint64(time.Now().UnixNano()), func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	t.Logf("%s=%d, for %v", seedVariable, seed, length)
	srv := servers.Dovecot(t)
	s := &soak{length: length, window: min(max(length/5, 2*time.Second), 20*time.Second),
		r: rand.New(rand.NewPCG(seed, 0)), srv: srv, begun: time.Now(), inodes: map[inode]string{}}
	for i, address := range []string{srv.IMAPS, srv.POP3S} {
		n, err := network.Start(address, seed+uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(n.Close)
		s.nets = append(s.nets, n)
	}
	s.world = newWorld(t, srv, s.nets[0].Port(), s.nets[1].Port())
	for _, user := range []string{"ada", "bob"} {
		srv.AddUser(user)
	}
	s.actor, s.popActor = srv.LogIn("ada"), srv.LogIn("bob")
	s.model = newModel(seed)
	s.figures.begun = s.begun
	there := s.someone(seed, 1)
	for _, name := range []string{"Work", "Lists/Go", "Entwürfe"} {
		there.create(name)
	}
	for range 120 {
		there.arrives()
	}
	for range 10 {
		there.collected()
	}
	return s
}

// someone is one of the users, with dice of his own.
func (s *soak) someone(seed, n uint64) *user {
	return &user{soak: s, r: rand.New(rand.NewPCG(seed, n))}
}

// live is a window: two users at work, and one run after the other. In a wild one the state
// is lost.
func (s *soak) live(wild bool) {
	s.t.Helper()
	s.model.wild = wild
	loss := time.Now().Add(time.Duration(s.r.Int64N(int64(s.window))))
	stop := make(chan struct{})
	var users sync.WaitGroup
	pause := max(s.window/400, 2*time.Millisecond)
	for i, work := range []func(*user){(*user).workThere, (*user).workHere} {
		u := s.someone(s.r.Uint64(), uint64(i))
		users.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(u.r.Int64N(int64(2 * pause)))):
				}
				s.model.mu.Lock()
				work(u)
				s.model.mu.Unlock()
			}
		})
	}
	for end := time.Now().Add(s.window); time.Now().Before(end); {
		s.anyRun()
		if wild && time.Now().After(loss) {
			wild = false
			s.loseState(s.root)
			s.figures.count("times: a state lost while users work")
		}
	}
	close(stop)
	users.Wait()
	s.weather(false)
}

// weather makes the network bad or good.
func (s *soak) weather(bad bool) {
	for _, n := range s.nets {
		n.SetBad(bad)
	}
}
