package explore

import (
	"encoding/json"
	"fmt"

	"github.com/lrun/lrun/interp"
)

// report is the answer as one JSON object. Fields may be added, not changed.
type report struct {
	Verdict     string            `json:"verdict"`  // holds or violated
	Property    string            `json:"property"` // "" where all hold
	Text        string            `json:"text,omitempty"`
	States      int               `json:"states"`
	Transitions int64             `json:"transitions"`
	Depth       int               `json:"depth"`
	Faults      int               `json:"faults"`
	Crashes     int               `json:"crashes"`
	WorstCase   float64           `json:"worst_case"` // seconds; 0 where a property is violated
	LatestStart []reportStart     `json:"latest_start,omitempty"`
	Endings     []reportEnding    `json:"endings"`
	Unreached   []int             `json:"unreached"` // lines
	File        string            `json:"file,omitempty"`
	Line        int               `json:"line,omitempty"`
	Inevitable  *int              `json:"inevitable,omitempty"` // index into trace
	Simulated   *bool             `json:"simulated,omitempty"`  // whether simulate comes to the same end; after Replay
	Trace       []json.RawMessage `json:"trace,omitempty"`
}

type reportStart struct {
	Domain string  `json:"domain"`
	Behind float64 `json:"behind"` // seconds from the beginning of its turn to the end of the run, at worst
}

type reportEnding struct {
	Outcome    string `json:"outcome"`
	FailedOver bool   `json:"failed_over"`
	Remaining  int    `json:"remaining"`
	Down       int    `json:"down"`
	Faults     int    `json:"faults"` // the fewest that lead there
	Crash      bool   `json:"crash"`  // only a crash of lrun leads there
}

// JSON is the answer as one line of JSON. The trace is a list of events as `simulate --json` writes them; what befell the
// night is an event "fault" or "world" with a text.
func (a *Answer) JSON(prog *interp.Program) ([]byte, error) {
	r := report{
		Verdict: "holds", States: a.States, Transitions: a.Transitions, Depth: a.Depth, Faults: a.Faults, Crashes: a.Crashes,
		WorstCase: a.WorstCase.Seconds(), Endings: []reportEnding{}, Unreached: []int{},
	}
	for _, s := range a.LatestStart {
		r.LatestStart = append(r.LatestStart, reportStart{prog.Pool.Domains[s.Domain].Name, s.Behind.Seconds()})
	}
	for _, e := range a.Endings {
		r.Endings = append(r.Endings, reportEnding{e.Ending.String(), e.FailedOver, e.Left, e.Down, e.Faults, e.Crash})
	}
	for _, pc := range a.Unreached {
		r.Unreached = append(r.Unreached, prog.Instrs[pc].Line)
	}
	if a.Trace != nil {
		r.Verdict, r.Property, r.Text = "violated", a.Name(), a.Says()
		if in := a.Guilty(prog); in != nil {
			r.File, r.Line = in.File, in.Line
		}
		r.Simulated = a.Trace.simulated
		r.trace(a.Trace, prog)
	}
	return json.Marshal(&r)
}

func (r *report) trace(t *Trace, prog *interp.Program) {
	for i := range t.Lines {
		l := &t.Lines[i]
		if r.Inevitable == nil && t.Inevitable >= 0 && l.step >= t.Inevitable {
			n := i
			r.Inevitable = &n
		}
		switch {
		case l.Record != nil && l.Record.Kind == interp.RecFinish:
			r.Trace = append(r.Trace, prog.AppendFinish(nil, l.Record, &t.Result))
		case l.Record != nil:
			r.Trace = append(r.Trace, prog.AppendJSON(nil, l.Record))
		default:
			kind := "world"
			if l.Cost {
				kind = "fault"
			}
			text, _ := json.Marshal(l.Befell)
			r.Trace = append(r.Trace, fmt.Appendf(nil, `{"t":%.1f,"event":%q,"text":%s}`, l.At.Seconds(), kind, text))
		}
	}
}
