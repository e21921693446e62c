package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/config"
)

// badFlag is what is wrong with a command's flags, in our words, and what may have been meant.
func badFlag(c *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		empty   *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
	)
	list := fmt.Sprintf("%q lists the flags", c.CommandPath()+" --help")
	switch {
	case errors.As(err, &unknown):
		name, spelled := unknown.GetSpecifiedName(), ""
		if group := unknown.GetSpecifiedShortnames(); group != "" {
			spelled = "-" + name
			if len(group) > 2 { // one dash too few, more likely than so many letters
				name, spelled = group, "-"+group
			}
		}
		return usage("unknown flag: %s", cmp.Or(spelled, "--"+name)).WithHint("%s", cmp.Or(meantFlag(c, name), list))
	case errors.As(err, &empty):
		what, use := pflag.UnquoteUsage(empty.GetFlag())
		return usage("--%s needs a value: %s", empty.GetFlag().Name, what).WithHint("%s: %s", what, use)
	case errors.As(err, &invalid):
		f := invalid.GetFlag()
		if f.Value.Type() == "bool" {
			return usage("--%s: %q is not a value for it", f.Name, invalid.GetValue()).WithHint("it takes none: --%s, or --%s=false", f.Name, f.Name)
		}
		if number, ok := errors.AsType[*strconv.NumError](invalid); ok {
			return usage("--%s: %q is not a number that it takes", f.Name, number.Num).WithHint("%s", list)
		}
		return badValue(f.Name, invalid.Unwrap(), list)
	case errors.As(err, &syntax):
		return usage("%q is not a flag", syntax.GetSpecifiedFlag()).WithHint("%s", list)
	}
	return usage("%v", err).WithHint("%s", list)
}

// badValue is what is wrong with the value of a flag, by an error whose cure is behind "; ".
func badValue(flag string, err error, or string) error {
	what, cure, _ := strings.Cut(err.Error(), "; ")
	return usage("--%s: %s", flag, what).WithHint("%s", cmp.Or(cure, or))
}

// meantElsewhere are flags that other programs have, and what does the same here.
func meantElsewhere() map[string]string {
	return map[string]string{
		"account":  `accounts are named without a flag: "mailsync sync work"`,
		"accounts": `accounts are named without a flag: "mailsync sync work"`,
		"password": "a password is never the value of a flag, where others could see it: use --password-command or a configuration",
		"pass":     "a password is never the value of a flag, where others could see it: use --password-command or a configuration",
		"user":     "the user is part of --url, or a key of the configuration",
		"host":     "the host is part of --url, or a key of the configuration",
		"folder":   "--mailbox selects mailboxes",
		"folders":  "--mailbox selects mailboxes",
		"label":    "--mailbox selects mailboxes",
		"output":   "redirect stdout; --json prints one object a line",
		"debug":    "-vv prints what is done, --trace FILE what is sent and received",
		"force":    "what is held back says which flag allows it",
		"delete":   `the configuration says what is deleted: "mailsync help config"`,
		"all":      "without names, a command works on all accounts",
		"yes":      "nothing is asked, so nothing has to be confirmed",
	}
}

// meantFlag guesses what an unknown flag was meant to be: one of this command, or of another one.
func meantFlag(c *cobra.Command, name string) string {
	own := map[string]string{}  // by its plain name, as it is spelled
	of := map[string][]string{} // by name: the commands that have it
	for _, other := range c.Root().Commands() {
		if !other.IsAvailableCommand() {
			continue
		}
		flagsOf(other).VisitAll(func(f *pflag.Flag) {
			if other == c {
				own[plain(f.Name)] = f.Name
			} else {
				of[f.Name] = append(of[f.Name], other.Name())
			}
		})
	}
	if exact, ok := own[plain(name)]; ok {
		return fmt.Sprintf("did you mean --%s?", exact)
	}
	if c.HasParent() && (name == "version" || name == "V") {
		return `"mailsync --version" prints the version`
	}
	has, tip := of[name], cmp.Or(meantElsewhere()[name], keyOf(name))
	if onlyInit := len(has) == 1 && has[0] == "init"; onlyInit && tip != "" {
		return tip // an account that is there is not set up again
	}
	if len(has) > 0 {
		return flagOf(name, has)
	}
	near := func(names []string) string { return config.Nearest(plain(name), names) }
	if f := near(slices.Sorted(maps.Keys(own))); f != "" {
		return fmt.Sprintf("did you mean --%s?", own[f])
	}
	if tip != "" {
		return tip
	}
	if f := near(slices.Sorted(maps.Keys(of))); f != "" && len(name) > 2 {
		return fmt.Sprintf("did you mean --%s? That is a flag of %s", f, listed(of[f]))
	}
	return ""
}

// keyOf is the hint about a flag that is a key of the configuration; "" for any other.
func keyOf(name string) string {
	key := strings.ReplaceAll(name, "-", "_")
	for _, s := range config.Sections() {
		for _, k := range s.Keys {
			if k.Name == key {
				return fmt.Sprintf("%s is a key of the configuration: \"mailsync help config\"", k.Name)
			}
		}
	}
	return ""
}

func flagOf(name string, commands []string) string {
	return fmt.Sprintf("--%s is a flag of %s", name, listed(commands))
}

// refuseUseless refuses global flags that do not apply to the command: the user would believe
// that ignored ones did something.
func refuseUseless(c *cobra.Command, _ []string) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if err != nil || c.Root().PersistentFlags().Lookup(f.Name) != f || usesGlobal(c, f.Name) {
			return
		}
		var others []string
		for _, other := range c.Root().Commands() {
			if other.IsAvailableCommand() && usesGlobal(other, f.Name) {
				others = append(others, other.Name())
			}
		}
		err = usage("--%s does not apply to %s", f.Name, c.CommandPath()).WithHint("%s", flagOf(f.Name, others))
	})
	return err
}

// plain is a flag's name without what is often written otherwise.
func plain(name string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
}

// flagsOf are the flags that apply to a command: its own, and the global ones it uses.
func flagsOf(c *cobra.Command) *pflag.FlagSet {
	all := ownFlags(c)
	all.AddFlagSet(usedGlobals(c))
	return all
}

// listed is a list of words, as a sentence has it.
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// meantCommands are commands of other programs, and what does the same here.
func meantCommands() map[string]string {
	return map[string]string{
		"pull":   `"mailsync sync" and "mailsync backup" fetch; backup changes nothing on the server`,
		"fetch":  `"mailsync sync" and "mailsync backup" fetch; backup changes nothing on the server`,
		"get":    `"mailsync sync" and "mailsync backup" fetch; backup changes nothing on the server`,
		"push":   `"mailsync sync" works both ways with append = true; "mailsync restore" uploads`,
		"upload": `"mailsync restore" puts local mail on a server`,
		"test":   `did you mean "check"?`,
		"ls":     `did you mean "list"?`,
		"copy":   `did you mean "backup"? "restore --to" copies to another server`,
		"info":   `did you mean "status"?`,
		"daemon": `run "mailsync sync" from cron or a timer`,
	}
}

// unknownCommand refuses what stands for a command, and guesses what was meant.
func unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	word, names := args[0], []string{}
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	tip := meantCommands()[strings.ToLower(word)]
	switch {
	case slices.Contains(names, word):
		return usage("no command given").WithHint(`%q is behind "--", where nothing is a command`, word)
	case longDash(word) != "":
		tip = longDash(word)
	case tip == "":
		tip = config.Guess(word, names)
	}
	return usage("unknown command: %q", word).WithHint("%s", tip)
}

// meantHelp guesses what help was meant: a topic, a command, or a key of the configuration.
func meantHelp(root *cobra.Command, args []string) string {
	list := `"mailsync help" lists the commands`
	if len(args) != 1 {
		return list
	}
	if tip := keyOf(args[0]); tip != "" {
		return tip
	}
	var names []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || isTopic(c) {
			names = append(names, c.Name())
		}
	}
	if near := config.Nearest(args[0], names); near != "" {
		return fmt.Sprintf("did you mean \"mailsync help %s\"?", near)
	}
	return list
}

// longDash is the hint about a flag whose dashes a text program replaced; "" for any other word.
func longDash(word string) string {
	if name := strings.TrimLeft(word, "–—−"); name != word && name != "" {
		return fmt.Sprintf("it begins with another dash than a flag does; did you mean --%s?", strings.TrimLeft(name, "-"))
	}
	return ""
}

// meantAccount guesses what was meant by a word that is not the name of an account.
func meantAccount(word string, names []string) string {
	all := "the accounts are " + listed(names)
	if len(names) == 1 {
		all = "the account is " + names[0]
	}
	switch {
	case longDash(word) != "":
		return longDash(word)
	case strings.HasPrefix(word, "-"):
		return `behind "--" nothing is a flag; ` + all
	case strings.ContainsAny(word, ",;"):
		return "several names have blanks between them; " + all
	case strings.EqualFold(word, "all") || word == "*":
		return "without a name it is for all accounts; " + all
	case strings.Contains(word, "://"):
		return "a server without a configuration is given by --url"
	case strings.EqualFold(word, "INBOX") || strings.HasPrefix(word, "role:"):
		return fmt.Sprintf("a mailbox is selected by --mailbox %s; %s", word, all)
	}
	if near := config.Nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return all
}
