package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/report"
)

// The help of a command is made of its fields, in one form for all: Long, whose paragraphs are wrapped and
// whose indented lines are kept, the usage, Example, the flags, and where to read on. A topic is a command
// that cannot run.

func (p *program) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "show help about a command or a topic",
		Long: `help prints what a command does, its flags and examples; or a topic: config, the keys of the
configuration, or exit-codes. "mailsync COMMAND --help" does the same.`,
		Example: "mailsync help archive\nmailsync help config",
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return helpTopics(c.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usage("there is no help about %q", strings.Join(args, " ")).WithHint("%s", meantHelp(c.Root(), args))
			}
			return about.Help()
		},
	}
}

// helpTopics are the commands and topics that have help.
func helpTopics(root *cobra.Command, args []string) (names []cobra.Completion) {
	if len(args) > 0 {
		return nil
	}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || isTopic(c) {
			names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return names
}

// isTopic reports whether a command is only help.
func isTopic(c *cobra.Command) bool { return c.IsAdditionalHelpTopicCommand() && !c.Hidden }

// helpWidth is how wide help is: a page of it is read more easily than a line of 200 columns.
const helpWidth = 80

// help prints the help about a command, or about the program.
func (p *program) help(c *cobra.Command, _ []string) {
	width := helpWidth
	if size := terminalSize(p.stdout); size != nil {
		columns, _ := size()
		width = min(width, max(columns, 40))
	}
	_, _ = fmt.Fprint(p.stdout, helpText(c, width)) // nobody could read an error
}

// helpText is the help about a command, in lines of at most so many columns where words allow it.
func helpText(c *cobra.Command, width int) string {
	h := &page{width: width}
	about := c.Long
	if text, ok := made[c.Name()]; ok {
		about = text()
	} else if about == "" {
		about = c.Short
	}
	h.text(strings.TrimSpace(about))
	if c.Runnable() {
		line := c.UseLine()
		if c.HasAvailableSubCommands() {
			line += " COMMAND"
		}
		h.heading("Usage")
		h.lines(line)
	}
	if c.Example != "" {
		h.heading("Examples")
		h.lines(strings.TrimSpace(c.Example))
	}
	if c.HasAvailableSubCommands() {
		h.commands(c)
	}
	if !c.Runnable() {
		return h.String()
	}
	own, groups := byTitle(ownFlags(c))
	h.flags("Flags", own)
	for _, g := range groups {
		h.flags(g.title, g.flags)
	}
	if c.HasParent() {
		h.globals(usedGlobals(c))
		h.text("\n" + readOn(c))
	} else {
		h.flags("Flags of most commands", usedGlobals(c))
	}
	return h.String()
}

// seeAlso are the commands and topics that are about the same.
func seeAlso() map[string][]string {
	return map[string][]string{
		"sync":       {"backup", "list", "status", "config"},
		"backup":     {"sync", "verify", "restore"},
		"archive":    {"sync", "restore", "config"},
		"verify":     {"backup", "status"},
		"restore":    {"backup", "list"},
		"status":     {"list", "verify"},
		"list":       {"status", "check", "config"},
		"check":      {"list", "config"},
		"demo":       {"sync", "config"},
		"providers":  {"check", "config"},
		"forget":     {"list", "status", "config"},
		"init":       {"providers", "check", "config"},
		"login":      {"logout", "check", "config"},
		"logout":     {"login"},
		"completion": {"config"},
	}
}

// readOn is the last line of a command's help.
func readOn(c *cobra.Command) string {
	line := "Exit codes: \"mailsync help exit-codes\"."
	if others := seeAlso()[c.Name()]; len(others) > 0 {
		line += " See also \"mailsync help\" of " + listed(others) + "."
	}
	return line
}

// page is a text that is written.
type page struct {
	strings.Builder
	width int
}

func (h *page) heading(title string) { h.WriteString("\n" + title + ":\n") }

// lines writes lines as they are, indented.
func (h *page) lines(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		h.WriteString(strings.TrimRight("  "+strings.TrimSpace(line), " ") + "\n")
	}
}

// text writes paragraphs. Indented lines are kept as they are.
func (h *page) text(text string) {
	var words []string
	flush := func() {
		if len(words) > 0 {
			h.WriteString(report.Wrap(strings.Join(words, " "), h.width, "", "") + "\n")
		}
		words = nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && line[0] != ' ' {
			words = append(words, line)
			continue
		}
		flush()
		h.WriteString(line + "\n")
	}
	flush()
}

// commands lists the commands below one, and the topics.
func (h *page) commands(c *cobra.Command) {
	var commands, topics []*cobra.Command
	for _, sub := range c.Commands() {
		switch {
		case isTopic(sub):
			topics = append(topics, sub)
		case sub.IsAvailableCommand() || sub.Name() == "help":
			commands = append(commands, sub)
		}
	}
	for _, list := range []struct {
		title string
		of    []*cobra.Command
	}{{"Commands", commands}, {"Topics of \"mailsync help\"", topics}} {
		if len(list.of) == 0 {
			continue
		}
		h.heading(list.title)
		for _, sub := range list.of {
			h.entry(sub.Name(), sub.Short, 14)
		}
	}
}

// entry writes a name and what it means, which begins in a column of its own.
func (h *page) entry(name, meaning string, column int) {
	first, rest := "  "+name, strings.Repeat(" ", column)
	if report.Columns(first)+2 > column {
		h.WriteString(first + "\n")
		first = rest
	}
	h.WriteString(report.Wrap(meaning, h.width, first+strings.Repeat(" ", column-report.Columns(first)), rest) + "\n")
}

// flagColumn is where the meaning of a flag begins.
const flagColumn = 26

// flags describes flags.
func (h *page) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	h.heading(title)
	flags.VisitAll(func(f *pflag.Flag) {
		_, meaning := pflag.UnquoteUsage(f)
		h.entry(written(f), meaning, flagColumn)
	})
}

// globals lists flags without what they mean.
func (h *page) globals(flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	h.heading("Flags of most commands, see \"mailsync help\"")
	var names []string
	flags.VisitAll(func(f *pflag.Flag) {
		names = append(names, strings.ReplaceAll(strings.TrimSpace(written(f)), " ", "\x00"))
	})
	h.WriteString(strings.ReplaceAll(report.Wrap(strings.Join(names, " | "), h.width, "  ", "  "), "\x00", " ") + "\n")
}

// written is a flag as it is written: "-c, --config FILE".
func written(f *pflag.Flag) string {
	text := "    --" + f.Name
	if f.Shorthand != "" {
		text = "-" + f.Shorthand + ", --" + f.Name
	}
	if what, _ := pflag.UnquoteUsage(f); what != "" && f.Value.Type() != "bool" {
		text += " " + what
	}
	return text
}

// groupKey is where a flag keeps the title under which the help has it, "" with the others.
const groupKey = "group"

// group has the help show flags under a title of their own.
func group(flags *pflag.FlagSet, title string, names ...string) {
	for _, name := range names {
		_ = flags.SetAnnotation(name, groupKey, []string{title}) // it fails only for a flag that does not exist
	}
}

// flagGroup is flags under a title.
type flagGroup struct {
	title string
	flags *pflag.FlagSet
}

// byTitle divides flags into those without a title, and the others by theirs.
func byTitle(flags *pflag.FlagSet) (own *pflag.FlagSet, groups []flagGroup) {
	title := func(f *pflag.Flag) string { return strings.Join(f.Annotations[groupKey], "") }
	var titles []string
	flags.VisitAll(func(f *pflag.Flag) {
		if t := title(f); t != "" && !slices.Contains(titles, t) {
			titles = append(titles, t)
		}
	})
	for _, t := range titles {
		groups = append(groups, flagGroup{t, selected(flags, func(f *pflag.Flag) bool { return title(f) == t })})
	}
	return selected(flags, func(f *pflag.Flag) bool { return title(f) == "" }), groups
}

// ownFlags are the flags of one command only.
func ownFlags(c *cobra.Command) *pflag.FlagSet {
	return selected(c.Flags(), func(f *pflag.Flag) bool {
		return c.Root().PersistentFlags().Lookup(f.Name) != f && f.Name != "help"
	})
}

// usedGlobals are the global flags that apply to a command.
func usedGlobals(c *cobra.Command) *pflag.FlagSet {
	return selected(c.Root().PersistentFlags(), func(f *pflag.Flag) bool { return usesGlobal(c, f.Name) })
}

// selected are those of some flags that keep accepts, in the order of their definition.
func selected(flags *pflag.FlagSet, keep func(*pflag.Flag) bool) *pflag.FlagSet {
	out := pflag.NewFlagSet("", pflag.ContinueOnError)
	out.SortFlags, flags.SortFlags = false, false
	flags.VisitAll(func(f *pflag.Flag) {
		if keep(f) {
			out.AddFlag(f)
		}
	})
	return out
}

// usesKey is where a command keeps the names of the global flags that apply to it.
const usesKey = "uses"

// uses names the global flags that apply to a command. It refuses the others, and its help does
// not show them; --config may precede every command, because an alias puts it there.
func uses(c *cobra.Command, names ...string) *cobra.Command {
	c.Annotations = map[string]string{usesKey: strings.Join(names, " ")}
	return c
}

// usesGlobal reports whether a global flag applies to a command. All apply to the program itself.
func usesGlobal(c *cobra.Command, name string) bool {
	return !c.HasParent() || name == "config" || slices.Contains(strings.Fields(c.Annotations[usesKey]), name)
}
