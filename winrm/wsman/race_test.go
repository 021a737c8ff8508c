//go:build race

package wsman

// The race detector makes copying some twenty times slower.
const muchOutput = 10_000_000
