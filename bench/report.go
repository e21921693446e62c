package main

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"mailsync/bench/host"
)

// figure is one line of the table.
type figure struct {
	name  string
	of    func(costs) float64
	print func(float64) string
}

func seconds(f float64) string   { return fmt.Sprintf("%.3f s", f) }
func megabytes(f float64) string { return fmt.Sprintf("%.1f MB", f/(1<<20)) }

var figures = []figure{
	{"first pull: time", func(c costs) float64 { return c.first.wall.Seconds() }, seconds},
	{"first pull: CPU", func(c costs) float64 { return c.first.cpu.Seconds() }, seconds},
	{"first pull: peak memory", func(c costs) float64 { return float64(c.first.peak) }, megabytes},
	{"nothing to do: time", func(c costs) float64 { return c.idle.wall.Seconds() }, seconds},
	{"nothing to do: CPU", func(c costs) float64 { return c.idle.cpu.Seconds() }, seconds},
	{"nothing to do: peak memory", func(c costs) float64 { return float64(c.idle.peak) }, megabytes},
}

// report prints medians and ratios, as a table that Markdown knows.
func report(out io.Writer, w *world, rounds []round) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %s, %d cores, %s; %s\n", time.Now().UTC().Format(time.DateOnly), runtime.GOOS+"/"+runtime.GOARCH,
		runtime.NumCPU(), runtime.Version(), dovecotVersion())
	fmt.Fprintf(&b, "%d messages (%.1f MB) in %d mailboxes, %d rounds, round-trip time %v, TLS %v\n\n",
		w.Messages, float64(w.bytes)/(1<<20), w.mailboxes, len(rounds), w.RTT, w.tls)
	fmt.Fprintf(&b, "| | mailsync | %s | ratio (least … most) |\n|---|---:|---:|---|\n", w.rival())
	for _, f := range figures {
		ours, theirs := column(rounds, "mailsync", f.of), column(rounds, w.rival(), f.of)
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.name, cell(ours, f.print), cell(theirs, f.print), ratio(ours, theirs))
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// column has a figure of every round; it is empty where the program was not measured.
func column(rounds []round, program string, of func(costs) float64) (all []float64) {
	for _, r := range rounds {
		if c, ok := r[program]; ok {
			all = append(all, of(c))
		}
	}
	return all
}

func cell(all []float64, print func(float64) string) string {
	if len(all) == 0 {
		return "–"
	}
	return print(host.Median(all))
}

// ratio is the median of each round's ratio, for a round's pair had the same machine.
func ratio(ours, theirs []float64) string {
	if len(ours) == 0 || len(ours) != len(theirs) || slices.Min(theirs) <= 0 {
		return "–"
	}
	var all []float64
	for i := range ours {
		all = append(all, ours[i]/theirs[i])
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
