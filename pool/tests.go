package pool

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Tests is a test file: nights of rehearsal, and how they have to end.
type Tests struct {
	Tests []Test // in file order, one at least
}

// Test is one night that is rehearsed, or several that differ in their seeds. What it takes from the head of its file stands
// in it. File names are as they were written, and "" where none was.
type Test struct {
	Name     string // its own in the file
	Line     int
	Runbook  string
	Pool     string
	Scenario string            // the name of a file; one that is written out is given by [Test.Bind]
	Start    string            // when the night begins, as --start takes it
	Set      map[string]string // parameters of the runbook
	Seed     *uint64           // nil = not given
	Runs     int               // how many nights, of the seeds from Seed on; 0 = one
	Golden   string            // the file that holds the night's log

	file     string
	scenario ast.Node // nil where it is no scenario that is written out
	expect   ast.Node // nil where nothing is expected
}

// Expect is how a night has to end. What is nil, empty or zero may be anything.
type Expect struct {
	Outcome     string // as `simulate --json` tells it: completed, failed, …
	FailedOver  *bool
	Upgraded    *Set
	Remaining   *Set
	Skipped     *Set
	Down        *Set          // left out of service
	Reason      string        // is part of the reason
	Within      time.Duration // how long the night may take
	UsersCut    *int          // how many people may be cut off
	SessionsCut *int          // how many calls and conferences
	Log         []string      // parts of lines of the log and its summary, in the order in which they come
	Never       []string      // parts that no line has
}
