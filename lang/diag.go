package lang

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Severity tells whether a diagnostic stops the runbook.
type Severity int

// The severities.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Diagnostic is one finding about a runbook: data only, drawn by [Diagnostics.Render].
type Diagnostic struct {
	Code     string // L012, see the table in codes.go
	Severity Severity
	Pos, End Pos    // half open; End is never before Pos
	Summary  string // what is wrong, in one line without a period
	Hint     string // what to do about it; may be empty
}

// String gives the clickable first line of the diagnostic.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s:%d:%d: %s: %s [%s]", d.Pos.Filename, d.Pos.Line, d.Pos.Column, d.Severity, d.Summary, d.Code)
}

// MarshalJSON writes file, line, column, end_line, end_column, severity, code, message and hint.
func (d Diagnostic) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		File      string `json:"file"`
		Line      int    `json:"line"`
		Column    int    `json:"column"`
		EndLine   int    `json:"end_line"`
		EndColumn int    `json:"end_column"`
		Severity  string `json:"severity"`
		Code      string `json:"code"`
		Message   string `json:"message"`
		Hint      string `json:"hint,omitempty"`
	}{d.Pos.Filename, d.Pos.Line, d.Pos.Column, d.End.Line, d.End.Column, d.Severity.String(), d.Code, d.Summary, d.Hint})
}

// Diagnostics are the findings of a pass, in the order of the source.
type Diagnostics []Diagnostic

// HasErrors tells whether one of the findings is an error.
func (ds Diagnostics) HasErrors() bool {
	for _, d := range ds {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Err gives the findings as an error, nil where none of them is one.
func (ds Diagnostics) Err() error {
	if !ds.HasErrors() {
		return nil
	}
	return ds
}

// Error gives one line a finding.
func (ds Diagnostics) Error() string {
	lines := make([]string, len(ds))
	for i, d := range ds {
		lines[i] = d.String()
	}
	return strings.Join(lines, "\n")
}

// maxFindings bounds what one pass says; nobody reads the two hundredth finding.
const maxFindings = 200

// add notes a finding over the span from pos to end.
func (ds *Diagnostics) add(c code, pos, end Pos, hint, format string, args ...any) {
	if len(*ds) >= maxFindings {
		return
	}
	if end.Offset < pos.Offset {
		end = pos
	}
	*ds = append(*ds, Diagnostic{
		Code: c.id, Severity: c.severity, Pos: pos, End: end,
		Summary: fmt.Sprintf(format, args...), Hint: hint,
	})
}

// sorted puts the findings in the order of the source, main file first, and drops those said twice.
func (ds Diagnostics) sorted(main string) Diagnostics {
	sort.SliceStable(ds, func(i, j int) bool {
		a, b := ds[i], ds[j]
		if a.Pos.Filename != b.Pos.Filename {
			if a.Pos.Filename == main || b.Pos.Filename == main {
				return a.Pos.Filename == main
			}
			return a.Pos.Filename < b.Pos.Filename
		}
		if a.Pos.Offset != b.Pos.Offset {
			return a.Pos.Offset < b.Pos.Offset
		}
		return a.Code < b.Code
	})
	out := ds[:0]
	for i, d := range ds {
		if i == 0 || d != ds[i-1] {
			out = append(out, d)
		}
	}
	return out
}
