package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"mailsync/cmd/mailsync/config"
	"mailsync/state"
)

// reference is docs/reference.md: by the heading of each section, its text.
func reference(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/reference.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]string{}
	heading, chapter := "", ""
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.HasPrefix(line, "## "):
			chapter = strings.TrimSpace(line[3:])
			heading = chapter
		case strings.HasPrefix(line, "### "):
			heading = chapter + ": " + strings.TrimSpace(line[4:])
		}
		sections[heading] += line
	}
	return sections
}

// row is a line of a table: its cells, without the marks around code.
var row = regexp.MustCompile("(?m)^\\| (`.*?)\\|(.*)\\|$")

// rows returns the first cell of each row of a section's table, and the rest of the row.
func rows(section string) (first []string, rest map[string]string) {
	rest = map[string]string{}
	for _, m := range row.FindAllStringSubmatch(section, -1) {
		name := strings.ReplaceAll(strings.TrimSpace(m[1]), "`", "")
		first = append(first, name)
		rest[name] = m[2]
	}
	return first, rest
}

// same compares what the program has with what docs/reference.md has.
func same(t *testing.T, section string, program, doc []string) {
	t.Helper()
	for _, name := range program {
		if !slices.Contains(doc, name) {
			t.Errorf("docs/reference.md, section %q, lacks %q: add a row that begins \"| `%s` |\"", section, name, name)
		}
	}
	for _, name := range doc {
		if !slices.Contains(program, name) {
			t.Errorf("docs/reference.md, section %q, has %q, and the program has no such thing", section, name)
		}
	}
	if seen := slices.Compact(slices.Sorted(slices.Values(doc))); len(seen) != len(doc) {
		t.Errorf("docs/reference.md, section %q, has something twice: %q", section, doc)
	}
}

// spelled is a flag as the tables have it: "-c, --config FILE".
func spelled(f *pflag.Flag) string {
	text := "--" + f.Name
	if f.Shorthand != "" {
		text = "-" + f.Shorthand + ", " + text
	}
	if arg, _ := pflag.UnquoteUsage(f); arg != "" && f.Value.Type() != "bool" {
		text += " " + arg
	}
	return text
}

func TestReferenceHasEveryCommandAndFlag(t *testing.T) {
	ref := reference(t)
	root := (&program{}).commands()
	root.InitDefaultHelpCmd()
	var globals []string
	root.PersistentFlags().VisitAll(func(f *pflag.Flag) { globals = append(globals, spelled(f)) })
	doc, _ := rows(ref["Global flags"])
	same(t, "Global flags", globals, doc)

	var commands, documented []string
	for heading := range ref {
		if name, ok := strings.CutPrefix(heading, "Commands: "); ok {
			documented = append(documented, name)
		}
	}
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() && c.Name() != "help" {
			continue
		}
		name := "mailsync " + c.Use
		commands = append(commands, name)
		if _, ok := ref["Commands: "+name]; ok {
			checkCommand(t, c, name, ref["Commands: "+name])
		}
	}
	slices.Sort(documented)
	for _, name := range commands {
		if !slices.Contains(documented, name) {
			t.Errorf("docs/reference.md lacks a section \"### %s\" in \"## Commands\"; make it like the others there", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(commands, name) {
			t.Errorf("docs/reference.md has a command %q, and the program has none", name)
		}
	}
}

// checkCommand compares a command's own flags, and the global ones it has a use for.
func checkCommand(t *testing.T, c *cobra.Command, name, section string) {
	t.Helper()
	var own, globals []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" {
			own = append(own, spelled(f))
		}
	})
	doc, _ := rows(section)
	same(t, name, own, doc)
	usedGlobals(c).VisitAll(func(f *pflag.Flag) {
		if f.Name != "config" {
			globals = append(globals, "`--"+f.Name+"`")
		}
	})
	want := ""
	if len(globals) > 0 {
		want = "Global flags: " + strings.Join(globals, ", ") + "."
	}
	got := regexp.MustCompile("(?m)^Global flags: .*$").FindString(section)
	if got != want {
		t.Errorf("docs/reference.md, section %q: its line of global flags is\n%s\nand should be\n%s", name, got, want)
	}
}

func TestReferenceHasEveryKey(t *testing.T) {
	ref := reference(t)
	for section, keys := range map[string][]string{
		"Configuration: Keys of an account":           keysOf(t, "work"),
		"Configuration: Keys of an account's archive": keysOf(t, "work.archive"),
		"Configuration: Keys of an account's oauth2":  keysOf(t, "work.oauth2"),
	} {
		doc, _ := rows(ref[section])
		same(t, section, keys, doc)
	}
}

// keysOf are the keys of an account's table, which the hint of an unknown one lists.
func keysOf(t *testing.T, table string) []string {
	t.Helper()
	_, err := config.Parse("c.toml", "[accounts."+table+"]\nxyzzyxyzzy = 1\n", 0o600, os.Getenv)
	var problems config.Problems
	errors.As(err, &problems)
	for _, p := range problems {
		if keys, ok := strings.CutPrefix(p.Cure, "the keys are "); ok {
			return strings.Split(keys, ", ")
		}
	}
	t.Fatalf("no problem lists the keys: %v", err)
	return nil
}

func TestReferenceHasEveryExitCode(t *testing.T) {
	var codes []string
	for _, e := range exitCodes {
		codes = append(codes, strconv.Itoa(e.code))
	}
	for _, kind := range []state.Kind{state.Other, state.Usage, state.Locked, state.Login, state.Unreachable, state.Braked, state.Differs, state.Storage} {
		if !slices.Contains(codes, strconv.Itoa(int(kind))) {
			t.Errorf("the help about exit codes lacks %d", kind)
		}
	}
	doc, _ := rows(reference(t)["Exit codes"])
	same(t, "Exit codes", codes, doc)
}

// Every struct of the face with a field "type" is an object of --json, and has a table of
// its fields.
func TestReferenceHasEveryJSONField(t *testing.T) {
	var tables, structs []string
	for heading, section := range reference(t) {
		if strings.HasPrefix(heading, "JSON: ") {
			fields, _ := rows(section)
			slices.Sort(fields)
			tables = append(tables, strings.Join(fields, " "))
		}
	}
	for _, dir := range []string{".", "report"} {
		structs = append(structs, jsonObjects(t, dir)...)
	}
	if len(structs) < 5 {
		t.Fatalf("only %d objects found", len(structs))
	}
	for _, fields := range structs {
		if !slices.Contains(tables, fields) {
			t.Errorf("docs/reference.md, chapter \"JSON\", has no table of exactly these fields: %s", fields)
		}
	}
	for _, fields := range tables {
		if !slices.Contains(structs, fields) {
			t.Errorf("docs/reference.md, chapter \"JSON\", has a table of fields that no object of --json has: %s", fields)
		}
	}
}

// jsonObjects returns the sorted fields of each struct with a field "type" in a folder's Go files.
func jsonObjects(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var structs []*ast.StructType
	named := map[string]*ast.StructType{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.TypeSpec:
				if s, ok := n.Type.(*ast.StructType); ok {
					named[n.Name.Name] = s
				}
			case *ast.StructType:
				structs = append(structs, n)
			}
			return true
		})
	}
	for _, s := range structs {
		if fields := jsonFields(s, named); slices.Contains(fields, "type") {
			all = append(all, strings.Join(fields, " "))
		}
	}
	return all
}

// jsonFields are a struct's fields in JSON, sorted, those of the structs that it embeds among them.
func jsonFields(s *ast.StructType, named map[string]*ast.StructType) (fields []string) {
	for _, f := range s.Fields.List {
		if embedded, ok := f.Type.(*ast.Ident); ok && len(f.Names) == 0 && named[embedded.Name] != nil {
			fields = append(fields, jsonFields(named[embedded.Name], named)...)
		}
		if f.Tag == nil {
			continue
		}
		tag, err := strconv.Unquote(f.Tag.Value)
		name, _, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if err == nil && name != "" && name != "-" {
			fields = append(fields, name)
		}
	}
	slices.Sort(fields)
	return fields
}

// The test itself sees what is missing and what is too much.
func TestReferenceTestSeesDifferences(t *testing.T) {
	first, rest := rows("| flag | |\n|---|---|\n| `-c`, `--config FILE` | x |\n| `--new` | not built yet |\n")
	if fmt.Sprint(first) != "[-c, --config FILE --new]" || !strings.Contains(rest["--new"], "not built") {
		t.Errorf("%q %q", first, rest)
	}
}

// Every flag that takes a path takes it as the configuration does.
func TestPathFlagsExpand(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	root := (&program{}).commands()
	seen := 0
	for _, c := range append(root.Commands(), root) {
		for _, set := range []*pflag.FlagSet{c.Flags(), c.PersistentFlags()} {
			set.VisitAll(func(f *pflag.Flag) {
				arg, _ := pflag.UnquoteUsage(f)
				if _, ok := f.Value.(rule); ok || arg != "FILE" && arg != "DIR" && arg != "PATH" {
					return // the keys that a rule sets are read as the configuration's
				}
				seen++
				if err := f.Value.Set("~/x"); err != nil || f.Value.String() != "/home/ada/x" {
					t.Errorf("%s --%s: %q, %v", c.Name(), f.Name, f.Value.String(), err)
				}
			})
		}
	}
	if seen < 5 {
		t.Errorf("%d flags that take a path", seen)
	}
}
