// Package spell finds the known word that somebody meant.
//
// It knows nothing of the words themselves and imports nothing of this module;
// every other package may import it.
package spell

import "unicode/utf8"

// longest is the length in runes over which a word is nobody's slip of the
// finger. It bounds the work.
const longest = 40

// Nearest returns the word of known with the smallest edit distance to word,
// the first of them on a tie, or "" where none is near enough to be meant: at
// most a third of the letters may differ, and one letter always may.
func Nearest(word string, known []string) string {
	length := utf8.RuneCountInString(word)
	if length == 0 || length > longest {
		return ""
	}
	best, nearest := max(1, length/3)+1, ""
	for _, k := range known {
		if d := distance([]rune(word), []rune(k)); d < best && d < utf8.RuneCountInString(k) {
			best, nearest = d, k
		}
	}
	return nearest
}

// distance is the Levenshtein distance, with two neighbours swapped counted as
// one step: the commonest slip of all.
func distance(a, b []rune) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := last[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, last[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
