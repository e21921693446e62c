package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// report writes the medians, and how much slower each program was than mailsync.
func report(out io.Writer, w *world, rounds []round) error {
	fmt.Fprintf(out, "%d messages, %.1f MiB, round trip %v, %d rounds; every message compared with the corpus\n\n",
		w.Messages, float64(w.bytes)/(1<<20), w.RTT, len(rounds))
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "\tfirst fetch\tto mailsync\tCPU\tnothing to do\tto mailsync\tCPU\t")
	for _, p := range w.programs {
		if !slices.ContainsFunc(rounds, func(r round) bool { return r[p.name] != costs{} }) {
			fmt.Fprintf(t, "%s\tfailed\t\t\t\t\t\t\n", p.name)
			continue
		}
		first, times := over(rounds, p.name, func(c costs) time.Duration { return c.first })
		idle, idleTimes := over(rounds, p.name, func(c costs) time.Duration { return c.idle })
		firstCPU, _ := over(rounds, p.name, func(c costs) time.Duration { return c.firstCPU })
		idleCPU, _ := over(rounds, p.name, func(c costs) time.Duration { return c.idleCPU })
		fmt.Fprintf(t, "%s\t%.2f s\t%.2f ×\t%.2f s\t%.3f s\t%.2f ×\t%.3f s\t\n", p.name,
			first.Seconds(), times, firstCPU.Seconds(), idle.Seconds(), idleTimes, idleCPU.Seconds())
	}
	return t.Flush()
}

// over is the median of a program's times, and the median of what each of them is to
// mailsync's in the same round.
func over(rounds []round, name string, what func(costs) time.Duration) (time.Duration, float64) {
	var took []time.Duration
	var times []float64
	for _, r := range rounds {
		if (r[name] == costs{}) {
			continue // it failed in this one
		}
		took = append(took, what(r[name]))
		times = append(times, float64(what(r[name]))/float64(what(r["mailsync"])))
	}
	slices.Sort(took)
	slices.Sort(times)
	return took[len(took)/2], times[len(times)/2]
}
