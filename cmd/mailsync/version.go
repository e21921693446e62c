package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Long: `version prints the version, the commit and its date where they are known, the version of Go, and
the platform: what a report about a bug needs. "mailsync --version" and "mailsync -V" do the same.`,
		Example: "mailsync version",
		Args:    noArguments,
		RunE:    func(*cobra.Command, []string) error { return p.printVersion() },
	}
}

func (p *program) printVersion() error {
	_, err := fmt.Fprintf(p.stdout, "mailsync %s (%s%s, %s/%s)\n", version(), commit(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is the module's version as the go command recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// commit is the commit that was built, with its date and a comma behind; "" where the go command did not record it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	has := map[string]string{}
	for _, s := range info.Settings {
		has[s.Key] = s.Value
	}
	id := has["vcs.revision"]
	if id == "" {
		return ""
	}
	id = id[:min(12, len(id))]
	if day, ok := has["vcs.time"]; ok && len(day) >= 10 {
		id += " of " + day[:10]
	}
	if has["vcs.modified"] == "true" {
		id += ", changed"
	}
	return id + ", "
}
