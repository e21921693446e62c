package pop3

import (
	"context"

	"mailsync/bench/host"
	"mailsync/bench/row"
)

// The phases of a round.
const (
	first = "first pull"
	idle  = "nothing to do"
)

// Rows are the situations of POP3.
func Rows() []row.Row {
	some := host.Settings{Messages: 2000}
	return []row.Row{
		{
			Name: "pop3", What: "a first fetch of one INBOX over POP3, every message compared after",
			Settings: some.Or(host.Settings{Rounds: 5}),
			Goals:    []row.Goal{{Phase: first, Of: row.Time, Beside: "mpop", AtMost: 0.5}},
			Start:    plan{rivals: []string{"mpop"}}.start,
		},
		{
			Name: "pop3-idle", What: "nothing new over POP3",
			Settings: some.Or(host.Settings{Rounds: 15}),
			Goals:    []row.Goal{{Phase: idle, Of: row.Time, Beside: "mpop", AtMost: 0.5}},
			Start:    plan{rivals: []string{"mpop"}, keep: true}.start,
		},
		{
			Name: "pop3-others", What: "the same beside programs that do not pipeline", Long: true,
			Settings: host.Settings{Messages: 200, Rounds: 3},
			Start:    plan{rivals: []string{"getmail", "fetchmail"}}.start,
		},
	}
}

// plan says what is measured.
type plan struct {
	rivals []string
	keep   bool // the first pull of the first round only, whose Maildir stays
}

// start is a row's.
func (p plan) start(ctx context.Context, g *host.Ground, s host.Settings) ([]row.Contender, error) {
	w := &world{Settings: s, Ground: g, plan: p, mail: map[[32]byte]int{}}
	programs, err := w.programs(ctx)
	if err != nil {
		return nil, err
	}
	if err := g.Guard(w.fillServer); err != nil {
		return nil, err
	}
	var all []row.Contender
	for _, p := range programs {
		m := &measured{world: w, program: p}
		all = append(all, row.Contender{Name: p.name, Round: m.round})
	}
	return all, nil
}
