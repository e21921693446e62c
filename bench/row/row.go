// Package row is what one line of the benchmark is made of: who is measured at what, and
// what is to be reached. It runs the rounds and keeps the result; the situations
// themselves are in the packages beside it.
package row

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"mailsync/bench/host"
)

// Row is one situation that is measured, by its name.
type Row struct {
	Name     string
	What     string // in a line
	Long     bool   // only where it is asked for
	Settings host.Settings
	Goals    []Goal
	// Start makes the situation and returns who is measured in it, mailsync first. The ground
	// is closed by the caller, also after an error.
	Start func(ctx context.Context, g *host.Ground, s host.Settings) ([]Contender, error)
}

// Contender is a program that is measured.
type Contender struct {
	Name string
	// Round does the work once, checks what came of it, and returns what each phase of it took.
	Round func(ctx context.Context) (Phases, error)
}

// Phases are what the parts of a round took, by name.
type Phases map[string]host.Cost

// Goal is what a figure has to be at the most: so many times that of another program or, where
// none is named, that much (seconds, octets).
type Goal struct {
	Phase  string
	Of     Figure
	Beside string
	AtMost float64
}

// Figure is one of those of a cost.
type Figure string

// The figures. Time is wall time, CPU that of the program and of the kernel for it.
const (
	Time        Figure = "time"
	CPU         Figure = "CPU"
	System      Figure = "of it in the kernel"
	Peak        Figure = "peak memory"
	Connections Figure = "connections"
	AtOnce      Figure = "of them open at once"
	LogIns      Figure = "log-ins a second"
	Turns       Figure = "turns on a connection, at the most"
)

var figures = []Figure{Time, CPU, System, Peak, Connections, AtOnce, LogIns, Turns}

// of is the figure as a number.
func (f Figure) of(c host.Cost) float64 {
	switch f {
	case Time:
		return c.Wall.Seconds()
	case CPU:
		return c.CPU().Seconds()
	case System:
		return c.System.Seconds()
	case Peak:
		return float64(c.Peak)
	case Connections:
		return float64(c.Connections)
	case AtOnce:
		return float64(c.AtOnce)
	case LogIns:
		return float64(c.LogIns) / max(c.Wall.Seconds(), 1e-9)
	default:
		return float64(c.Turns)
	}
}

// print spells a figure.
func (f Figure) print(v float64) string {
	switch f {
	case Time, CPU, System:
		return fmt.Sprintf("%.3f s", v)
	case Peak:
		return fmt.Sprintf("%.1f MB", v/1e6)
	default:
		return fmt.Sprintf("%.0f", v)
	}
}

// Round has the phases of each contender, by name.
type Round map[string]Phases

// Result is a row that was measured.
type Result struct {
	Row        string
	On         string // the day
	Settings   host.Settings
	Contenders []string
	Rounds     []Round
}

// Measure runs a row's rounds, in each of which another one goes first.
func Measure(ctx context.Context, r Row, s host.Settings) (res Result, err error) {
	s = s.Or(r.Settings)
	g, err := host.NewGround(s.Dir)
	if err != nil {
		return res, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	contenders, err := r.Start(ctx, g, s)
	if err != nil {
		return res, err
	}
	res = Result{Row: r.Name, On: time.Now().UTC().Format(time.DateOnly), Settings: s}
	for _, c := range contenders {
		res.Contenders = append(res.Contenders, c.Name)
	}
	for i := range s.Rounds {
		round := Round{}
		order := slices.Clone(contenders)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			phases, err := c.Round(ctx)
			if err != nil && (c.Name == contenders[0].Name || ctx.Err() != nil) {
				return res, fmt.Errorf("%s, round %d: %s: %w", r.Name, i+1, c.Name, err)
			}
			if err != nil {
				host.Say("%s, round %d: %s failed, and is left out of it: %v", r.Name, i+1, c.Name, err)
				continue
			}
			round[c.Name] = phases
			host.Say("%s, round %d: %s: %s", r.Name, i+1, c.Name, phases)
		}
		res.Rounds = append(res.Rounds, round)
	}
	return res, nil
}

// String is for who watches.
func (p Phases) String() string {
	var text string
	for _, name := range p.names() {
		c := p[name]
		text += fmt.Sprintf("%s %.3f s (CPU %.3f s, %d MB); ", name, c.Wall.Seconds(), c.CPU().Seconds(), c.Peak/1e6)
	}
	return text
}

// names are the phases' in an order that stays.
func (p Phases) names() []string {
	var all []string
	for name := range p {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}
