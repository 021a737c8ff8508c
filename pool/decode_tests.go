package pool

import (
	"maps"
	"path"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

var (
	testsShape = &shape{name: "the test file", keys: []string{"runbook", "pool", "start", "set", "tests"}, required: []string{"tests"}}
	testShape  = &shape{name: "a test", keys: []string{"name", "runbook", "pool", "scenario", "start", "set", "seed", "runs", "golden", "expect"},
		required: []string{"name"}}
	expectShape = &shape{name: "expect", keys: []string{"outcome", "failed_over", "upgraded", "remaining", "skipped", "down", "reason", "within",
		"users_cut", "sessions_cut", "log", "never"}}
)

// Bounds of a test file.
const (
	maxTests  = 500
	maxNights = 10_000 // of one test
)

// DecodeTests reads a test file. filename is what its errors name; nothing is opened. What names servers and domains is read
// by [Test.Bind], when the pool is known. An error holds every [*Error] that was found, joined, and comes without tests.
func DecodeTests(filename string, src []byte) (*Tests, error) {
	d := &decoder{file: filename}
	ts := &Tests{}
	if root := d.parse(src); root != nil {
		d.tests(ts, root)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return ts, nil
}

func (d *decoder) tests(ts *Tests, root ast.Node) {
	o := d.object(root, testsShape)
	head := Test{file: d.file, Set: map[string]string{}}
	d.testInputs(&head, o)
	n := o["tests"]
	if n == nil {
		return
	}
	items, ok := d.list(n, "tests")
	switch {
	case !ok:
		return
	case len(items) == 0:
		d.errorf(n, "tests has no test")
	case len(items) > maxTests:
		d.errorf(n, "tests has %d tests: at most %d are read", len(items), maxTests)
		return
	}
	names, goldens := map[string]int{}, map[string]string{}
	for _, item := range items {
		t := head
		t.Set = maps.Clone(head.Set)
		d.test(&t, item)
		if line, dup := names[t.Name]; dup && t.Name != "" {
			d.errorf(item, "there is a test %s already, on line %d", quote(t.Name), line)
		}
		names[t.Name] = t.Line
		if t.Golden != "" {
			key := strings.ToLower(path.Clean(strings.ReplaceAll(t.Golden, `\`, "/")))
			if other, dup := goldens[key]; dup {
				d.errorf(item, "%s is the golden of %s already: each night has its own", t.Golden, quote(other))
			}
			goldens[key] = t.Name
		}
		ts.Tests = append(ts.Tests, t)
	}
}

// testInputs reads the keys that the head of a file has as well as each test.
func (d *decoder) testInputs(t *Test, o map[string]ast.Node) {
	for key, to := range map[string]*string{"runbook": &t.Runbook, "pool": &t.Pool, "start": &t.Start} {
		if n := o[key]; n != nil {
			*to, _ = d.text(n, key)
		}
	}
	n := o["set"]
	if n == nil {
		return
	}
	list, _ := d.entries(n, "set")
	for _, e := range list {
		if e.value == nil {
			d.errorf(e.name, "set: %s has no value", e.key)
			continue
		}
		t.Set[e.key], _ = d.scalar(e.value, "set: "+e.key)
	}
}

func (d *decoder) test(t *Test, item ast.Node) {
	o := d.object(item, testShape)
	t.Line, _ = place(item)
	d.testInputs(t, o)
	if n := o["name"]; n != nil {
		t.Name, _ = d.text(n, "name")
	}
	switch n := o["scenario"].(type) {
	case nil:
	case *ast.MappingNode, *ast.MappingValueNode:
		t.scenario = n
	default:
		t.Scenario, _ = d.text(n, "scenario")
	}
	if n := o["seed"]; n != nil {
		t.Seed = d.seed(n)
	}
	if n := o["runs"]; n != nil {
		t.Runs, _ = d.integer(n, "runs", 1, maxNights)
	}
	if n := o["golden"]; n != nil {
		d.golden(t, n)
	}
	if t.expect = o["expect"]; t.expect != nil {
		if list, ok := d.entries(t.expect, "expect"); ok && len(list) == 0 {
			d.errorf(t.expect, "expect holds nothing")
		}
	}
	switch {
	case o == nil:
	case o["golden"] == nil && t.expect == nil:
		d.errorf(item, "the test lacks golden and expect: nothing could make it fail")
	case t.Golden != "" && o["runs"] != nil:
		d.errorf(o["golden"], "a golden is the log of one night, and runs rehearses many")
	}
	if o != nil && t.Runbook == "" && o["runbook"] == nil {
		d.errorf(item, "which runbook? neither the test nor the head of the file has the key runbook")
	}
}

// golden reads the name of a file that --update writes, and so cannot be one that the test is made of.
func (d *decoder) golden(t *Test, n ast.Node) {
	name, ok := d.text(n, "golden")
	if !ok {
		return
	}
	for _, ending := range []string{".lrun", ".yaml", ".yml", ".props"} {
		if strings.HasSuffix(strings.ToLower(path.Clean(strings.ReplaceAll(name, `\`, "/"))), ending) {
			d.errorf(n, "golden: %s would be overwritten: name a file of its own, as quiet.golden", quote(name))
			return
		}
	}
	t.Golden = name
}

// Bind reads what names the servers and domains of the pool p: the scenario where it is written out in the test, or else nil,
// and what is expected. An error holds every [*Error] that was found, joined.
func (t *Test) Bind(p *Pool) (*Scenario, *Expect, error) {
	d := &scenarioDecoder{decoder{file: t.file}, p}
	var sc *Scenario
	if t.scenario != nil {
		sc = &Scenario{}
		d.scenario(sc, t.scenario)
	}
	x := &Expect{}
	if t.expect != nil {
		d.expect(x, t.expect)
	}
	if err := d.err(); err != nil {
		return nil, nil, err
	}
	return sc, x, nil
}

func (d *scenarioDecoder) expect(x *Expect, n ast.Node) {
	o := d.object(n, expectShape)
	if n := o["outcome"]; n != nil {
		if i, ok := d.oneOf(n, "outcome", outcomes); ok {
			x.Outcome = outcomes[i]
		}
	}
	if n := o["failed_over"]; n != nil {
		if b, ok := d.boolean(n, "failed_over"); ok {
			x.FailedOver = &b
		}
	}
	for key, to := range map[string]**Set{"upgraded": &x.Upgraded, "remaining": &x.Remaining, "skipped": &x.Skipped, "down": &x.Down} {
		if n := o[key]; n != nil {
			set := d.expectedServers(n, key)
			*to = &set
		}
	}
	if n := o["reason"]; n != nil {
		x.Reason, _ = d.text(n, "reason")
	}
	if n := o["within"]; n != nil {
		x.Within, _ = d.span(n, "within")
	}
	for key, to := range map[string]**int{"users_cut": &x.UsersCut, "sessions_cut": &x.SessionsCut} {
		if n := o[key]; n != nil {
			if most, ok := d.integer(n, key, 0, 10_000_000); ok {
				*to = &most
			}
		}
	}
	for key, to := range map[string]*[]string{"log": &x.Log, "never": &x.Never} {
		if n := o[key]; n != nil {
			items, ok := d.listOrOne(n, key)
			if ok && len(items) == 0 {
				d.errorf(n, "%s holds nothing", key)
			}
			for _, item := range items {
				if part, ok := d.text(item, key); ok {
					*to = append(*to, part)
				}
			}
		}
	}
}

// expectedServers reads a list of servers, one server, or one of the words all and none.
func (d *scenarioDecoder) expectedServers(n ast.Node, what string) Set {
	if s, ok := n.(*ast.StringNode); ok && s.Value == "none" {
		return 0
	}
	return d.servers(n, what)
}
