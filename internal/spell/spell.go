// Package spell guesses which known word an unknown one was meant to be. It is a leaf: it imports nothing of ours, and
// anything may import it.
package spell

import (
	"slices"
	"strings"
)

// Nearest gives the candidate that is closest to word, and "" where none is near enough to be worth a guess: at most
// one edit in three letters, two edits for a word of six and more. Of equally near ones the first in the alphabet is
// taken, so the answer does not depend on the order of candidates. Case does not count as an edit.
func Nearest(word string, candidates []string) string {
	if len(word) > 64 {
		return ""
	}
	most := max(1, len(word)/3)
	most = min(most, 3)
	if len(word) <= 2 {
		most = 1
	}
	lower := strings.ToLower(word)
	best, bestAt := "", most+1
	sorted := slices.Clone(candidates)
	slices.Sort(sorted)
	for _, c := range sorted {
		d := Distance(lower, strings.ToLower(c))
		if d < bestAt && d < max(len(c), 1) {
			best, bestAt = c, d
		}
	}
	return best
}

// Distance is the number of edits between two words: insert, delete or replace a letter, or swap two neighbours.
func Distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, prev, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(y)]
}
