package main

import (
	"bytes"
	"encoding/xml"
	"strings"
)

// The form that build servers read. Times are left out: those of a night are the model's.
type junitSuites struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure"`
	Error   *junitFailure `xml:"error"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// junit is the results of tests as JUnit XML.
func junit(suites []testSuite) []byte {
	all := junitSuites{Name: "lrun test"}
	for _, s := range suites {
		js := junitSuite{Name: s.file, Tests: len(s.cases)}
		class := s.file
		if endsWith(class, testEnding) {
			class = class[:len(class)-len(testEnding)]
		}
		for _, c := range s.cases {
			jc := junitCase{Name: c.test.Name, Class: class, File: s.file, Line: c.test.Line}
			if len(c.failures) > 0 {
				js.Failures++
				jc.Failure = junitText(strings.Join(c.failures, "\n"))
			}
			js.Cases = append(js.Cases, jc)
		}
		all.Tests += js.Tests
		all.Failures += js.Failures
		all.Suites = append(all.Suites, js)
	}
	return all.xml()
}

// junitError is the results where files do not load, so that no night was rehearsed.
func junitError(msg string) []byte {
	c := junitCase{Name: "the files load", Class: "lrun test", Error: junitText(msg)}
	all := junitSuites{Name: "lrun test", Tests: 1, Errors: 1}
	all.Suites = []junitSuite{{Name: "lrun test", Tests: 1, Errors: 1, Cases: []junitCase{c}}}
	return all.xml()
}

// junitText is a text with its first line as the message that lists show.
func junitText(text string) *junitFailure {
	first, _, _ := strings.Cut(text, "\n")
	return &junitFailure{Message: first, Text: text}
}

func (all *junitSuites) xml() []byte {
	b := bytes.NewBufferString(xml.Header)
	enc := xml.NewEncoder(b)
	enc.Indent("", "  ")
	_ = enc.Encode(all) // it holds nothing that cannot be written, and a buffer takes everything
	b.WriteByte('\n')
	return b.Bytes()
}
