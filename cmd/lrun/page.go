package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"time"
	"unicode/utf8"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/sim"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// The timeline's geometry, in the units of its SVG. They are whole numbers, so that the page is the same everywhere.
const (
	labelLeast = 1200
	labelChar  = 105 // a wide character of the label
	axisWidth  = 14400
	laneTop    = 450
	laneStep   = 360
)

// page is the report of a night as one HTML file that needs nothing else.
type page struct {
	Title, Pool, About, Headline, Runbook string

	Good                  bool
	Rows                  []row
	Steps                 []stepRow
	Lines                 []string
	Width, Height, Bottom int
	Lanes                 []lane
	Ticks                 []tick
	Legend                []string
}

type lane struct {
	Name string
	Y    int
	Bars []bar
}

type bar struct {
	X, W         int
	Class, Title string
}

type tick struct {
	X     int
	Label string
}

type stepRow struct{ From, To, Took, Target, Step, Outcome string }

// rehearsed is the page of a rehearsed night.
func (s *story) rehearsed(n *sim.Night) ([]byte, error) {
	return s.page(&page{
		About: "rehearsed against a model of the pool", Headline: headline(n), Good: n.Result.ExitCode() == exitDone, Rows: s.rows(n),
	}, n.Result.Elapsed)
}

// page renders a page whose head is filled in; elapsed is how long the night took.
func (s *story) page(p *page, elapsed time.Duration) ([]byte, error) {
	left := labelLeast
	for i := range s.prog.Pool.Servers {
		left = max(left, labelChar*(1+utf8.RuneCountInString(s.desc.Where(int8(i)))))
	}
	p.Title, p.Pool, p.Lines, p.Width = s.prog.Name, s.prog.Pool.Name, s.lines, left+axisWidth+300
	total := max(elapsed, time.Minute)
	x := func(d time.Duration) int { return left + int(axisWidth*d.Milliseconds()/total.Milliseconds()) }
	p.lanes(s, x, total)
	p.Bottom = laneTop + laneStep*len(p.Lanes)
	p.Height = p.Bottom + 150
	p.ticks(s, x, total)
	for _, sp := range s.spans {
		if sp.brief() {
			continue
		}
		p.Steps = append(p.Steps, stepRow{
			s.begin.words(sp.from), s.begin.words(sp.to), took(sp.to - sp.from), s.target(sp.server), sp.phrase, sp.ended(),
		})
	}
	var b bytes.Buffer
	err := pageTemplate.Execute(&b, p)
	return b.Bytes(), err
}

func (s *story) target(server int8) string {
	if server < 0 {
		return "pool"
	}
	sv := s.prog.Pool.Servers[server]
	return s.prog.Pool.Domains[sv.Domain].Name + " " + sv.Name
}

// lanes draws a lane for the pool and one for each server, with a bar for each step that took time.
func (p *page) lanes(s *story, x func(time.Duration) int, total time.Duration) {
	used := map[string]bool{}
	for server := int8(-1); int(server) < len(s.prog.Pool.Servers); server++ {
		l := lane{Name: "pool", Y: laneTop + laneStep*int(server+1)}
		if server >= 0 {
			l.Name = s.desc.Where(server)
		}
		for _, sp := range s.spans {
			if sp.server != server || sp.brief() {
				continue
			}
			class := barClass(&sp)
			used[class] = true
			from, to := x(sp.from), x(min(sp.to, total))
			l.Bars = append(l.Bars, bar{from, max(to-from, 15), class, fmt.Sprintf("%s %s: %s, %s to %s (%s)",
				s.target(server), sp.phrase, sp.ended(), s.begin.words(sp.from), s.begin.words(sp.to), took(sp.to-sp.from))})
		}
		p.Lanes = append(p.Lanes, l)
	}
	for _, class := range barClasses {
		if used[class] {
			p.Legend = append(p.Legend, class)
		}
	}
}

var barClasses = []string{"wait", "drain", "stop", "upgrade", "restart", "verify", "failover", "other", "failed"}

func barClass(sp *span) string {
	if sp.outcome == interp.Failed || sp.outcome == interp.Unknown {
		return "failed"
	}
	switch sp.action {
	case interp.WaitReady, interp.Hold, interp.Sleep, interp.Confirm:
		return "wait"
	case interp.Stop:
		if sp.phrase == "stop graceful" {
			return "drain"
		}
		return "stop"
	case interp.Upgrade:
		return "upgrade"
	case interp.Restart, interp.Start:
		return "restart"
	case interp.Verify:
		return "verify"
	case interp.Failover, interp.Failback, interp.FailoverServer, interp.FailbackServer:
		return "failover"
	}
	return "other"
}

// ticks marks the time axis at a step that gives between four and twelve marks.
func (p *page) ticks(s *story, x func(time.Duration) int, total time.Duration) {
	every := 15 * time.Minute
	for _, d := range []time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour} {
		if total/every > 12 {
			every = d
		}
	}
	every = max(every, (total / 12).Round(time.Hour))
	offset := time.Duration(0)
	if s.begin.given {
		offset = (every - s.begin.clock%every) % every
	}
	for d := offset; d <= total; d += every {
		p.Ticks = append(p.Ticks, tick{x(d), s.begin.short(d)})
	}
}
