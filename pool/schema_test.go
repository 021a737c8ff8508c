package pool

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

type schemaNode struct {
	Properties map[string]*schemaNode `json:"properties"`
	Required   []string               `json:"required"`
	Additional json.RawMessage        `json:"additionalProperties"`
	Enum       []any                  `json:"enum"`
	AnyOf      []*schemaNode          `json:"anyOf"`
	OneOf      []*schemaNode          `json:"oneOf"`
	Items      *schemaNode            `json:"items"`
	Const      any                    `json:"const"`
}

func readSchema(t *testing.T, text []byte) *schemaNode {
	t.Helper()
	root := &schemaNode{}
	if err := json.Unmarshal(text, root); err != nil {
		t.Fatal(err)
	}
	return root
}

// sameKeys compares a mapping of a schema with the decoder's own list.
func sameKeys(t *testing.T, n *schemaNode, name string, keys, required []string) {
	t.Helper()
	if string(n.Additional) != "false" {
		t.Errorf("%s: the schema lets unknown keys pass", name)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(keys)), slices.Sorted(maps.Keys(n.Properties))); diff != "" {
		t.Errorf("%s: keys of the decoder (-) and the schema (+):\n%s", name, diff)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(required)), slices.Sorted(slices.Values(n.Required))); diff != "" {
		t.Errorf("%s: required by the decoder (-) and the schema (+):\n%s", name, diff)
	}
}

func sameWords(t *testing.T, n *schemaNode, name string, words []string) {
	t.Helper()
	var got []string
	for _, w := range n.Enum {
		got = append(got, w.(string))
	}
	want := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return w == "" })
	if diff := cmp.Diff(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
		t.Errorf("%s: words of the decoder (-) and the schema (+):\n%s", name, diff)
	}
}

func TestPoolSchemaKeys(t *testing.T) {
	root := readSchema(t, SchemaPool)
	sameKeys(t, root, "pool file", poolShape.keys, poolShape.required)
	for key, s := range map[string]*shape{"connect": connectShape, "notify": notifyShape, "model": modelShape, "rehearsal": rehearsalShape} {
		sameKeys(t, root.Properties[key], key, s.keys, s.required)
	}
	sameKeys(t, root.Properties["notify"].Properties["mail"], "mail", mailShape.keys, mailShape.required)
	sameWords(t, root.Properties["product"], "product", products[:])
	sameWords(t, root.Properties["connect"].Properties["auth"], "auth", auths)
}

func TestScenarioSchemaKeys(t *testing.T) {
	root := readSchema(t, SchemaScenario)
	sameKeys(t, root, "scenario file", scenarioShape.keys, scenarioShape.required)
	start := root.Properties["start"]
	sameKeys(t, start, "start", startShape.keys, startShape.required)
	sameKeys(t, start.Properties["backup"].AnyOf[1], "backup", backupShape.keys, backupShape.required)
	sameKeys(t, root.Properties["answers"], "answers", answersShape.keys, answersShape.required)
	sameWords(t, start.Properties["cms"], "cms", cmsPlaces)
	sameWords(t, start.Properties["sql"], "sql", sqlStates)
	sameWords(t, start.Properties["backup"].AnyOf[0], "backup", backupStates)
	sameWords(t, start.Properties["backup_pool"], "backup_pool", poolStates)

	forms := root.Properties["faults"].Items.OneOf
	if len(forms) != len(faultForms) {
		t.Fatalf("%d forms of a fault in the schema, %d in the decoder", len(forms), len(faultForms))
	}
	for i, form := range faultForms {
		sameKeys(t, forms[i], form.mark, form.keys, append([]string{form.mark}, form.required...))
	}
	words := map[string][]string{"pool": poolStates, "sql": sqlStates, "backup": backupStates, "backup_pool": poolStates, "cms": cmsPlaces, "services": services, "on": actions}
	for i, form := range faultForms {
		if w := words[form.mark]; w != nil {
			sameWords(t, forms[i].Properties[form.mark], form.mark, w)
		}
		switch form.mark {
		case "reading":
			sameWords(t, forms[i].Properties["is"], "is", poolStates)
		case "on":
			sameWords(t, forms[i].Properties["is"].AnyOf[0], "is", slices.DeleteFunc(slices.Clone(effects), func(w string) bool { return w == "slow" }))
		}
	}
}

func TestTestSchemaKeys(t *testing.T) {
	root := readSchema(t, SchemaTests)
	sameKeys(t, root, "test file", testsShape.keys, testsShape.required)
	test := root.Properties["tests"].Items
	sameKeys(t, test, "a test", testShape.keys, testShape.required)
	expect := test.Properties["expect"]
	sameKeys(t, expect, "expect", expectShape.keys, expectShape.required)
	sameWords(t, expect.Properties["outcome"], "outcome", outcomes)
}

func compile(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	scenario, err := jsonschema.UnmarshalJSON(bytes.NewReader(SchemaScenario)) // which that of test files refers to
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	for name, doc := range map[string]any{"schema.json": doc, "scenario.schema.json": scenario} {
		if err := c.AddResource(name, doc); err != nil {
			t.Fatal(err)
		}
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate checks a YAML text against a schema, by way of JSON as editors do.
func validate(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// Every input of the transcripts that the decoder takes, the schema takes too;
// and what breaks a rule that the schema can know, it refuses.
func TestSchemasAgreeWithTheDecoders(t *testing.T) {
	p, err := Decode("x", []byte("{pool: pool01.contoso.com, product: lync2013, backup: pool02.contoso.com, domains: {UD1: [fe01.contoso.com], UD2: [fe02.contoso.com, fe03.contoso.com]}}"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		file   string
		schema []byte
		decode func([]byte) error
	}{
		{"testdata/pool_errors.txt", SchemaPool, func(b []byte) error { _, err := Decode("x", b); return err }},
		{"testdata/scenario_errors.txt", SchemaScenario, func(b []byte) error { _, err := DecodeScenario("x", b, p); return err }},
		{"testdata/test_errors.txt", SchemaTests, func(b []byte) error {
			ts, err := DecodeTests("x", b)
			for i := 0; err == nil && i < len(ts.Tests); i++ {
				_, _, err = ts.Tests[i].Bind(p)
			}
			return err
		}},
	} {
		text, err := os.ReadFile(c.file)
		if err != nil {
			t.Fatal(err)
		}
		s := compile(t, c.schema)
		taken := 0
		for _, part := range strings.Split(string(text), "\ndecode\n")[1:] {
			input, _, _ := strings.Cut(part, "\n----")
			if c.decode([]byte(input)) != nil {
				continue
			}
			taken++
			if err := validate(t, s, []byte(input)); err != nil {
				t.Errorf("the decoder takes and the schema of %s refuses\n%s\n%v", c.file, input, err)
			}
		}
		if taken == 0 {
			t.Errorf("%s holds nothing that is right", c.file)
		}
	}
	for _, bad := range []string{"colour: blue", "model: {drian: 5m}", "model: {drain: 10 m}", "product: lync2010", "connect: {port: 0}", "domains: {UD1: []}", "domains: {UD1: [fe01]}"} {
		good := map[string]any{}
		if err := yaml.Unmarshal([]byte("{pool: pool01.contoso.com, product: lync2013, domains: {UD1: [fe01.contoso.com, fe02.contoso.com]}}"), &good); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(bad), &good); err != nil {
			t.Fatal(err)
		}
		text, err := yaml.Marshal(good)
		if err != nil {
			t.Fatal(err)
		}
		if validate(t, compile(t, SchemaPool), text) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
	for _, bad := range []string{"faults: [{pool: bussy}]", "faults: [{on: stop}, {pool: busy, sql: lost}]", "faults: [{crash: lrun}]", "answers: {confirm: perhaps}"} {
		if validate(t, compile(t, SchemaScenario), []byte(bad)) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
	for _, bad := range []string{"tests: []", "tests: [{golden: x}]", "tests: [{name: a, expect: {}}]", "tests: [{name: a, expect: {outcome: fine}}]",
		"tests: [{name: a, scenario: {fault: []}}]", "tests: [{name: a, runs: 0}]", "{tests: [{name: a}], runbooks: x}", "tests: [{name: a}]", "tests: [{name: a, golden: x, runs: 2}]",
		"tests: [{name: a, golden: x, runs: 2, expect: {outcome: failed}}]"} {
		if validate(t, compile(t, SchemaTests), []byte(bad)) == nil {
			t.Errorf("the schema takes %s", bad)
		}
	}
}

// The files that ship are read without an error and satisfy their schemas.
func TestShippedFiles(t *testing.T) {
	const runbooks = "../runbooks"
	pools, _ := filepath.Glob(runbooks + "/pools/*.pool.yaml")
	scenarios, _ := filepath.Glob(runbooks + "/scenarios/*.scenario.yaml")
	if len(pools) < 7 || len(scenarios) < 17 {
		t.Fatalf("%d pools and %d scenarios found", len(pools), len(scenarios))
	}
	byName := map[string]*Pool{}
	poolSchema, scenarioSchema := compile(t, SchemaPool), compile(t, SchemaScenario)
	for _, file := range pools {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Decode(file, text)
		if err != nil {
			t.Error(err)
			continue
		}
		byName[strings.TrimSuffix(filepath.Base(file), ".pool.yaml")] = p
		if err := validate(t, poolSchema, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	kinds := map[FaultKind]bool{}
	onIs := map[Effect]bool{}
	for _, file := range scenarios {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := poolOfScenario(t, file, text)
		p := byName[name]
		if p == nil {
			t.Errorf("%s is for the pool %q, which does not ship", file, name)
			continue
		}
		s, err := DecodeScenario(file, text, p)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := validate(t, scenarioSchema, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		for _, f := range s.Faults {
			kinds[f.Kind], onIs[f.Effect] = true, true
		}
	}
	for _, form := range faultForms {
		if !kinds[form.kind] {
			t.Errorf("no shipped scenario has a fault with %s", form.mark)
		}
	}
	for e := IsFail; e <= IsDisabled; e++ {
		if !onIs[e] {
			t.Errorf("no shipped scenario has a fault with is: %s", e)
		}
	}
}

// poolOfScenario reads the line "# pool: NAME" that every shipped scenario
// has: the shipped pool that it is written for.
func poolOfScenario(t *testing.T, file string, text []byte) string {
	t.Helper()
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "# pool: "); ok {
			return name
		}
	}
	t.Errorf("%s does not say which pool it is for", file)
	return ""
}
