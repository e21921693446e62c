package config

import (
	"fmt"
	"strings"
)

// nearest returns the candidate that word most likely stands for, "" if none is near:
// at most one letter in three may be wrong, missing, added or swapped.
func nearest(word string, candidates []string) string {
	best, bestAt := "", len(word)/3+1
	for _, c := range candidates {
		if d := distance(word, c); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// distance is the number of edits from a to b: letters put in, taken out, replaced, or
// two neighbours swapped (Damerau's, each place edited once).
func distance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		older, old, row = old, row, older
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// Guess says which of the names that are there was meant by one that is not.
func Guess(word string, names []string) string {
	if near := nearest(word, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "there is " + strings.Join(names, ", ")
}
