//go:build race

package explore

// raceOn tells that the race detector is on: then only a part of the long tests runs, which has every kind of step in it.
const raceOn = true
