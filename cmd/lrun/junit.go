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
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	File    string        `xml:"file,attr"`
	Line    int           `xml:"line,attr"`
	Failure *junitFailure `xml:"failure"`
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
		for _, c := range s.cases {
			jc := junitCase{Name: c.test.Name, Class: strings.TrimSuffix(s.file, testEnding), File: s.file, Line: c.test.Line}
			if len(c.failures) > 0 {
				js.Failures++
				message, _, _ := strings.Cut(c.failures[0], "\n")
				jc.Failure = &junitFailure{Message: message, Text: strings.Join(c.failures, "\n")}
			}
			js.Cases = append(js.Cases, jc)
		}
		all.Tests += js.Tests
		all.Failures += js.Failures
		all.Suites = append(all.Suites, js)
	}
	b := bytes.NewBufferString(xml.Header)
	enc := xml.NewEncoder(b)
	enc.Indent("", "  ")
	_ = enc.Encode(all) // it holds nothing that cannot be written, and a buffer takes everything
	b.WriteByte('\n')
	return b.Bytes()
}
