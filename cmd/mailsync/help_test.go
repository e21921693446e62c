package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/config"
	"mailsync/cmd/mailsync/report"
)

// everyCommand are all commands that a user can run or read about, the program itself among them.
func everyCommand() []*cobra.Command {
	root := (&program{}).commands()
	root.InitDefaultHelpCmd()
	all := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if !c.Hidden {
			all = append(all, c)
		}
	}
	return all
}

// Help fits a terminal of 80 columns, and its words wrap on a smaller one.
func TestReferenceHelpFits(t *testing.T) {
	for _, c := range everyCommand() {
		for line := range strings.SplitSeq(helpText(c, helpWidth), "\n") {
			if n := report.Columns(line); n > helpWidth || strings.TrimRight(line, " ") != line {
				t.Errorf("help of %s has a line of %d columns: %q", c.Name(), n, line)
			}
		}
		if small := helpText(c, 50); len(strings.Fields(small)) != len(strings.Fields(helpText(c, helpWidth))) {
			t.Errorf("help of %s loses words when it is wrapped", c.Name())
		}
	}
}

// Every command has an example, and each of its lines is a command line that the program takes.
func TestReferenceExamplesAreCommands(t *testing.T) {
	for _, c := range everyCommand() {
		if !c.Runnable() || !c.HasParent() {
			continue
		}
		if c.Example == "" {
			t.Errorf("%s has no Example: give it a line or more, as the other commands have", c.Name())
		}
		for line := range strings.SplitSeq(strings.TrimSpace(c.Example), "\n") {
			line, _, _ = strings.Cut(line, "#")
			words := strings.Fields(strings.ReplaceAll(line, "'", ""))
			if len(words) < 2 || words[0] != "mailsync" {
				t.Errorf("%s: the example %q does not begin with mailsync", c.Name(), line)
				continue
			}
			root := (&program{}).commands()
			root.InitDefaultHelpCmd()
			found, rest, err := root.Find(words[1:])
			if err == nil {
				err = found.ParseFlags(rest)
			}
			if err != nil || found.Name() != c.Name() {
				t.Errorf("%s: the example %q: %v", c.Name(), line, err)
			}
		}
	}
}

// What the help says to read on is there.
func TestReferenceSeeAlsoIsThere(t *testing.T) {
	names := map[string]bool{}
	for _, c := range everyCommand() {
		names[c.Name()] = true
	}
	for name, others := range seeAlso() {
		if !names[name] {
			t.Errorf("seeAlso has %q, which is no command", name)
		}
		for _, other := range others {
			if !names[other] || other == name {
				t.Errorf("seeAlso of %s has %q", name, other)
			}
		}
	}
}

// What a flag means is there, begins in lower case and has no full stop, and names its value.
func TestReferenceFlagsAreDescribed(t *testing.T) {
	for _, c := range everyCommand() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			what, meaning := pflag.UnquoteUsage(f)
			if len(meaning) < 8 || strings.HasSuffix(meaning, ".") || meaning[0] >= 'A' && meaning[0] <= 'Z' && !strings.HasPrefix(meaning, "PEM") {
				t.Errorf("%s --%s: %q", c.Name(), f.Name, meaning)
			}
			if f.Value.Type() != "bool" && f.Value.Type() != "count" && (what == "string" || what == "strings" || what == "") {
				t.Errorf("%s --%s: its value needs a name, in backquotes in the usage", c.Name(), f.Name)
			}
		})
	}
}

// What is wrong with the value of a flag is said in our words, with the flag in front, whatever library reads it; and
// the words that a flag takes are completed.
func TestReferenceFlagErrors(t *testing.T) {
	seen := 0
	for _, c := range everyCommand() {
		flags := c.Flags()
		if !c.HasParent() {
			flags = c.PersistentFlags()
		}
		flags.VisitAll(func(f *pflag.Flag) {
			err := c.ParseFlags([]string{"--" + f.Name + "=?x?"})
			if err == nil {
				return
			}
			seen++
			text := badFlag(c, err).Error()
			if !strings.HasPrefix(text, "--"+f.Name+": ") || strings.Contains(text, "strconv") || strings.Contains(text, "invalid") {
				t.Errorf("%s: %s", c.Name(), text)
			}
			if words, ok := f.Value.(choice); ok && f.Value.Set(words.choices()[0]) != nil {
				t.Errorf("%s --%s does not take %q", c.Name(), f.Name, words.choices()[0])
			}
		})
	}
	if seen < 10 {
		t.Errorf("%d flags refuse a value", seen)
	}
}

// The reference has the defaults that the help has.
func TestReferenceHasTheDefaults(t *testing.T) {
	ref := reference(t)
	for i, section := range []string{"Configuration: Keys of an account", "Configuration: Keys of an account's archive", "Configuration: Keys of an account's oauth2"} {
		_, rest := rows(ref[section])
		for _, k := range config.Sections()[i].Keys {
			cell, _, _ := strings.Cut(rest[k.Name], "|")
			if got := strings.Trim(strings.TrimSpace(cell), "`"); got != k.Default {
				t.Errorf("docs/reference.md has %s with the default %q, and the help %q", k.Name, got, k.Default)
			}
		}
	}
}
