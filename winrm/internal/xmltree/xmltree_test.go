package xmltree

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const envelope = `<?xml version="1.0" encoding="utf-8" ?>
<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:w="urn:wsman" xml:lang="en-US"><s:Header>
<w:ShellId mustUnderstand="true">S1</w:ShellId></s:Header><s:Body xmlns="urn:shell"><Command><![CDATA[echo <&>]]> more</Command>
<w:Empty/><Other xmlns="urn:other" xmlns:w="urn:inner"><w:Inner w:a="1"/></Other><w:Again>x</w:Again></s:Body></s:Envelope>
`

// A plain envelope is read the quick way, and as encoding/xml reads it.
func TestPlain(t *testing.T) {
	root, ok := parsePlain(envelope)
	if !ok {
		t.Fatal("it is not read the quick way")
	}
	want, err := parseAny(envelope)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(flat(want), flat(root), cmp.AllowUnexported(Element{})); diff != "" {
		t.Error(diff)
	}
	body := root.Child("http://www.w3.org/2003/05/soap-envelope", "Body")
	if got := body.TextOf("urn:shell", "Command"); got != "echo <&> more" {
		t.Errorf("the command is %q", got)
	}
	if e := body.Child("urn:other", "Other").Child("urn:inner", "Inner"); e == nil || e.Value("a") != "" || e.Attr[0].Name.Space != "urn:inner" {
		t.Errorf("the inner element is %+v", e)
	}
	if n := len(body.Children("urn:wsman", "Again")); n != 1 {
		t.Errorf("%d elements behind the inner namespace", n)
	}
}

// What is not plain is read as well, and what is not well formed is not.
func TestNotPlain(t *testing.T) {
	for doc, want := range map[string]string{
		`<a>&lt;&amp;</a>`:                 "<&",
		"<a>x\r\ny</a>":                    "x\ny",
		`<a>é</a>`:                         "é",
		`<a><!-- no -->x<?what ever?></a>`: "x",
		"\ufeff<a  b = 'c' >x</a >":        "x",
		`<a>]</a>`:                         "]",
	} {
		if _, ok := parsePlain(strings.TrimPrefix(doc, "\ufeff")); ok {
			t.Errorf("%q is read the quick way", doc)
		}
		if e, err := Parse(doc); err != nil || e.Text != want {
			t.Errorf("%q: %+v, %v", doc, e, err)
		}
	}
	for _, doc := range []string{
		"", " ", "x", "<a>", "<a></b>", "</a>", "<a/><b/>", "<a/>x", "<a>]]></a>", `<a b="<"/>`, `<a b="&c;"/>`, "<a>\x01</a>", "<a>\xff</a>",
		"<!DOCTYPE a><a/>", `<?xml version="1.1"?><a/>`, `<?xml version="1.0" encoding="utf-16"?><a/>`, "<a:b:c/>", "<a><![CDATA[x</a>",
		strings.Repeat("<a>", maxDepth+1) + strings.Repeat("</a>", maxDepth+1),
		"<a>" + strings.Repeat("<b/>", maxElements) + "</a>",
		"<a" + strings.Repeat(` b="c"`, maxAttrs+1) + "/>",
	} {
		if e, err := Parse(doc); err == nil {
			t.Errorf("%.40q is read as %+v", doc, e)
		}
	}
}

// row is an element and what is in it, for comparison.
type row struct {
	Depth int
	Element
}

func flat(e *Element) (rows []row) {
	var add func(int, *Element)
	add = func(depth int, e *Element) {
		r := row{depth, *e}
		r.Attr = append([]xml.Attr(nil), r.Attr...) // none is none
		r.first, r.last, r.next = nil, nil, nil
		rows = append(rows, r)
		for k := range e.All() {
			add(depth+1, k)
		}
	}
	add(0, e)
	return rows
}

// What the quick way takes, encoding/xml reads in the same way.
func FuzzPlain(f *testing.F) {
	f.Add(envelope)
	f.Add(`<a xmlns="u" xmlns:b="v"><b:c d="e" b:f="g" xml:h="i" j:k="l"/><xmlns:m/><xmlns/></a>`)
	f.Add(`<a><![CDATA[x]]]]><![CDATA[>]]></a>`)
	f.Add("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a.b-c _d=\">'\">\t</a.b-c>\n ")
	f.Add(`<a xmlns:b=""><b:c/><:d/><e:/></a>`)
	f.Fuzz(func(t *testing.T, doc string) {
		root, ok := parsePlain(doc)
		if !ok {
			return
		}
		want, err := parseAny(doc)
		if err != nil {
			t.Fatalf("%q is taken, and it is not well formed: %v", doc, err)
		}
		if diff := cmp.Diff(flat(want), flat(root), cmp.AllowUnexported(Element{})); diff != "" {
			t.Fatalf("%q: %s", doc, diff)
		}
	})
}
