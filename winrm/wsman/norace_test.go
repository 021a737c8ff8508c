//go:build !race

package wsman

const muchOutput = 100_000_000
