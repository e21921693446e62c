package row

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"mailsync/bench/host"
)

// Table prints what was measured as tables that Markdown knows: first every goal, then a table
// of each row.
func Table(out io.Writer, rows []Row, results []Result) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s, %d cores, %s; %s\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), dovecotVersion())
	goals(&b, rows, results)
	for _, r := range rows {
		for _, res := range results {
			if res.Row == r.Name {
				detail(&b, r, res)
			}
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// goals is one line for each goal that was measured.
func goals(b *strings.Builder, rows []Row, results []Result) {
	var lines []string
	for _, r := range rows {
		for _, res := range results {
			if res.Row != r.Name {
				continue
			}
			for _, g := range r.Goals {
				if line := res.goal(g); line != "" {
					lines = append(lines, line)
				}
			}
		}
	}
	if len(lines) == 0 {
		return
	}
	b.WriteString("\n| | mailsync | beside it | | ratio (least … most) | to reach | |\n|---|---:|---|---:|---|---|---|\n")
	b.WriteString(strings.Join(lines, ""))
}

// goal is the line of a goal, "" where it was not measured.
func (res Result) goal(g Goal) string {
	ours := res.column("mailsync", g.Phase, g.Of)
	theirs := res.column(g.Beside, g.Phase, g.Of)
	if len(ours) == 0 || g.Beside != "" && len(theirs) == 0 {
		return ""
	}
	line := fmt.Sprintf("| %s: %s: %s | %s |", res.Row, g.Phase, g.Of, g.Of.print(host.Median(ours)))
	measured := host.Median(ours)
	if g.Beside != "" {
		all := res.ratios(g.Beside, g.Phase, g.Of)
		measured = host.Median(all)
		line += fmt.Sprintf(" %s | %s | %s | ≤ %.2f × |", g.Beside, g.Of.print(host.Median(theirs)), spread(all), g.AtMost)
	} else {
		line += fmt.Sprintf(" | | | ≤ %s |", g.Of.print(g.AtMost))
	}
	if measured <= g.AtMost {
		return line + " reached |\n"
	}
	return line + " **not reached** |\n"
}

// detail is the table of one row: every figure of every phase.
func detail(b *strings.Builder, r Row, res Result) {
	s := res.Settings
	fmt.Fprintf(b, "\n**%s**: %s. %s; %s", r.Name, r.What, res.On, s)
	b.WriteString("\n\n| |")
	for _, c := range res.Contenders {
		fmt.Fprintf(b, " %s |", c)
	}
	for _, c := range res.Contenders[1:] {
		fmt.Fprintf(b, " ratio to %s |", c)
	}
	b.WriteString("\n|---|" + strings.Repeat("---:|", len(res.Contenders)) + strings.Repeat("---|", len(res.Contenders)-1) + "\n")
	for _, phase := range res.phases() {
		for _, f := range figures {
			if !slices.ContainsFunc(res.column(res.Contenders[0], phase, f), func(v float64) bool { return v > 0 }) {
				continue
			}
			fmt.Fprintf(b, "| %s: %s |", phase, f)
			for _, c := range res.Contenders {
				fmt.Fprintf(b, " %s |", cell(res.column(c, phase, f), f))
			}
			for _, c := range res.Contenders[1:] {
				fmt.Fprintf(b, " %s |", spread(res.ratios(c, phase, f)))
			}
			b.WriteString("\n")
		}
	}
}

// phases are those of all rounds.
func (res Result) phases() []string {
	all := Phases{}
	for _, r := range res.Rounds {
		for _, phases := range r {
			for name := range phases {
				all[name] = host.Cost{}
			}
		}
	}
	return all.names()
}

// column has a figure of every round that a contender was measured in.
func (res Result) column(contender, phase string, f Figure) (all []float64) {
	for _, r := range res.Rounds {
		if c, ok := r[contender][phase]; ok {
			all = append(all, f.of(c))
		}
	}
	return all
}

// ratios are mailsync's to another's, each of one round: a round's pair had the same machine.
func (res Result) ratios(other, phase string, f Figure) (all []float64) {
	for _, r := range res.Rounds {
		ours, one := r["mailsync"][phase]
		theirs, two := r[other][phase]
		if one && two && f.of(theirs) > 0 {
			all = append(all, f.of(ours)/f.of(theirs))
		}
	}
	return all
}

func cell(all []float64, f Figure) string {
	if len(all) == 0 || slices.Max(all) == 0 {
		return "–"
	}
	return f.print(host.Median(all))
}

func spread(all []float64) string {
	if len(all) == 0 {
		return "–"
	}
	return fmt.Sprintf("%.2f (%.2f … %.2f)", host.Median(all), slices.Min(all), slices.Max(all))
}

// dovecotVersion is what the server calls itself.
func dovecotVersion() string {
	out, err := exec.Command("dovecot", "--version").Output()
	if err != nil {
		return "Dovecot"
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	return "Dovecot " + version
}
