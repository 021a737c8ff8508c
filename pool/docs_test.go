package pool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/lrun/lrun/internal/golden"
)

// documented is a node of a schema with what people read of it, in the order of the file.
type documented struct {
	Description string       `json:"description"`
	Enum        []any        `json:"enum"`
	Const       any          `json:"const"`
	Properties  orderedNodes `json:"properties"`
	OneOf       []documented `json:"oneOf"`
	AnyOf       []documented `json:"anyOf"`
	Items       *documented  `json:"items"`
}

type orderedNodes []struct {
	name string
	node documented
}

// UnmarshalJSON keeps the order of the keys, which is that of the reference page.
func (o *orderedNodes) UnmarshalJSON(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		*o = append(*o, struct {
			name string
			node documented
		}{name: key.(string)})
		if err := d.Decode(&(*o)[len(*o)-1].node); err != nil {
			return err
		}
	}
	return nil
}

// table lists the keys below a node, those of its alternatives included.
func (n *documented) table(b *strings.Builder, prefix string) {
	for i := range n.Properties {
		name, child := prefix+n.Properties[i].name, &n.Properties[i].node
		text := child.Description
		if len(child.Enum) > 0 {
			words := make([]string, len(child.Enum))
			for i, w := range child.Enum {
				words[i] = fmt.Sprintf("`%v`", w)
			}
			text = strings.TrimSpace(text + " One of " + strings.Join(words, ", ") + ".")
		}
		if child.Const != nil {
			text = strings.TrimSpace(fmt.Sprintf("%s Always `%v`.", text, child.Const))
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", name, text)
		child.table(b, name+".")
		if child.Items != nil && len(child.Items.OneOf) == 0 {
			child.Items.table(b, name+"[].")
		}
	}
	for _, list := range [][]documented{n.OneOf, n.AnyOf} {
		for i := range list {
			list[i].table(b, prefix)
		}
	}
}

// faultForms is a heading and a table for each form of a fault.
func (n *documented) faultForms(b *strings.Builder) {
	for i := range n.Items.OneOf {
		f := &n.Items.OneOf[i]
		var keys []string
		for _, p := range f.Properties {
			keys = append(keys, p.name)
		}
		fmt.Fprintf(b, "**%s** `{%s}`\n\n| key | |\n|---|---|\n", f.Description, strings.Join(keys, ", "))
		f.table(b, "")
		b.WriteString("\n")
	}
}

var generated = regexp.MustCompile(`(?s)(<!-- ([a-z ]+): made from the schema -->\n).*?(<!-- end -->\n)`)

// TestFilesPage holds the tables of docs/files.md to the schemas, which other tests hold to the decoder; -update writes them.
func TestFilesPage(t *testing.T) {
	const page = "../docs/files.md"
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var files, scenarios, tests documented
	for schema, into := range map[*[]byte]*documented{&SchemaPool: &files, &SchemaScenario: &scenarios, &SchemaTests: &tests} {
		if err := json.Unmarshal(*schema, into); err != nil {
			t.Fatal(err)
		}
	}
	made := map[string]string{}
	var b strings.Builder
	b.WriteString("| key | |\n|---|---|\n")
	files.table(&b, "")
	made["pool file"] = b.String()
	b.Reset()
	b.WriteString("| key | |\n|---|---|\n")
	var forms *documented
	for i := range scenarios.Properties {
		if scenarios.Properties[i].name == "faults" {
			forms = &scenarios.Properties[i].node
		}
	}
	scenarios.table(&b, "")
	made["scenario file"] = b.String()
	b.Reset()
	b.WriteString("| key | |\n|---|---|\n")
	tests.table(&b, "")
	made["test file"] = b.String()
	b.Reset()
	forms.faultForms(&b)
	made["faults"] = strings.TrimSuffix(b.String(), "\n")
	seen := 0
	text := generated.ReplaceAllStringFunc(string(src), func(block string) string {
		m := generated.FindStringSubmatch(block)
		if made[m[2]] == "" {
			t.Errorf("there is no part %q", m[2])
		}
		seen++
		return m[1] + "\n" + made[m[2]] + "\n" + m[3]
	})
	if seen != len(made) {
		t.Errorf("the page has %d of %d parts", seen, len(made))
	}
	golden.Check(t, page, []byte(text))
	var p *Pool
	for i, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(src), -1) {
		switch i {
		case 0:
			p, err = Decode("page.pool.yaml", []byte(m[1]))
		case 1:
			_, err = DecodeScenario("page.scenario.yaml", []byte(m[1]), p)
		default:
			var ts *Tests
			ts, err = DecodeTests("page.test.yaml", []byte(m[1]))
			for i := 0; err == nil && i < len(ts.Tests); i++ {
				_, _, err = ts.Tests[i].Bind(p)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
