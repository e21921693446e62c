package docs

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

// A comment that says "spec 5.4" sends its reader to that section of spec.md.
var cited = regexp.MustCompile(`\bspec ([0-9]+(?:\.[0-9]+)?)\b`)

func TestSectionsThatAreCitedExist(t *testing.T) {
	sections := specSections(t)
	found := 0
	for _, s := range sources(t) {
		for _, m := range cited.FindAllSubmatch(s.text, -1) {
			found++
			if !sections[string(m[1])] {
				t.Errorf("%s cites spec %s, and spec.md has no such section", s.path, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no section is cited")
	}
}

// specSections returns the numbers of the sections of spec.md, after making sure that they are counted
// without a gap: a section that is taken out or put in between would change what is cited.
func specSections(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("spec.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := map[string]bool{}
	chapter, section := 0, 0
	for _, m := range regexp.MustCompile(`(?m)^(##+) ([0-9.]*)`).FindAllSubmatch(text, -1) {
		var want, number string
		if string(m[1]) == "##" {
			chapter, section = chapter+1, 0
			number = strconv.Itoa(chapter)
			want = number + "."
		} else {
			section++
			number = strconv.Itoa(chapter) + "." + strconv.Itoa(section)
			want = number
		}
		if string(m[2]) != want {
			t.Errorf("spec.md: %s %s stands where %s is due", m[1], m[2], want)
		}
		sections[number] = true
	}
	return sections
}
