// Bench measures mailsync beside other programs, and beside what the machine itself can do:
// the same work on the same servers, one after the other, in rounds that change who goes first.
// What each run left behind is checked by code of neither program.
//
//	go run ./bench                          every row but the long ones: 20 minutes
//	go run ./bench incremental wan          these rows
//	go run ./bench -list                    which rows there are
//	go run ./bench -before FILE pop3        beside another mailsync, e.g. that of last week
//	go run ./bench -results FILE            keeps each row that is done, and goes on from there
//
// It prints tables in Markdown: each goal and whether it is reached, then each row. A figure is
// the median over the rounds, a ratio the median of each round's own ratio; where other
// programs keep the machine busy, only the ratios mean something.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"

	"mailsync/bench/back"
	"mailsync/bench/host"
	"mailsync/bench/pop3"
	"mailsync/bench/pull"
	"mailsync/bench/row"
	"mailsync/bench/scale"
)

type options struct {
	host.Settings
	long, list bool
	results    string
}

func main() {
	started()
	var o options
	o.Flags(flag.CommandLine)
	flag.BoolVar(&o.long, "long", false, "the long rows too")
	flag.BoolVar(&o.list, "list", false, "print the rows' names, measure nothing")
	flag.StringVar(&o.results, "results", "", "keep what was measured in this file; a row that is in it, beside the same programs, is not measured again")
	flag.Parse()
	host.Main(func(ctx context.Context) error { return run(ctx, os.Stdout, o, flag.Args()) })
}

// started ends the process where it was started by itself, to start a program or to be a part of one.
func started() {
	host.Launcher()
	pop3.Agent()
	back.Hasher()
}

// all are the rows, in the order of the tables.
func all() []row.Row {
	return slices.Concat(pull.Rows(), pop3.Rows(), back.Rows(), scale.Rows())
}

func run(ctx context.Context, out io.Writer, o options, names []string) error {
	if err := o.Check(); err != nil {
		return err
	}
	rows, err := chosen(names, o.long)
	if err != nil {
		return err
	}
	if o.list {
		for _, r := range all() {
			fmt.Fprintf(out, "%-12s %s\n", r.Name, r.What)
		}
		return nil
	}
	results, err := load(o.results)
	if err != nil {
		return err
	}
	results = slices.DeleteFunc(results, func(res row.Result) bool { return res.Settings.Before != o.Before })
	var failed []error
	for _, r := range rows {
		if slices.ContainsFunc(results, func(res row.Result) bool { return res.Row == r.Name }) {
			continue
		}
		res, err := row.Measure(ctx, r, o.Settings)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			host.Say("%v", err)
			failed = append(failed, err)
			continue
		}
		results = append(results, res)
		if err := keep(o.results, res); err != nil {
			return err
		}
	}
	if err := row.Table(out, rows, results); err != nil {
		return err
	}
	if len(failed) > 0 {
		return fmt.Errorf("%d rows could not be measured", len(failed))
	}
	return nil
}

// chosen are the rows of these names or, without any, all that are short.
func chosen(names []string, long bool) (rows []row.Row, err error) {
	if len(names) == 0 {
		return slices.DeleteFunc(all(), func(r row.Row) bool { return r.Long && !long }), nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all(), func(r row.Row) bool { return r.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("no row %q: -list prints them", name)
		}
		rows = append(rows, all()[i])
	}
	return rows, nil
}
