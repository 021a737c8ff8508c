package explore

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lrun/lrun/internal/spell"
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Prop is a property that a user wrote, in a line such as `always elapsed < 6h` or `never failed over`.
type Prop struct {
	Text string // the line, in single spaces
	File string
	Line int

	mode    mode
	subject subject
	op      comparison
	value   int64 // a count, or milliseconds
}

type mode uint8

const (
	never mode = iota
	always
	sometimes
)

var modes = map[string]mode{"never": never, "always": always, "sometimes": sometimes}

// subject is what a property speaks of.
type subject uint8

const (
	usersCutOff subject = iota // people whose call or conference lrun ends, so far
	serversDown                // servers that lrun took out of service and that are not back, at one moment
	serversLeft                // servers that are due and not upgraded, at the end
	elapsed                    // from the start to the end
	failedOver                 // the pool is failed over, at one moment
	endsCompleted
	endsFailed
	endsAborted
	endsInDoubt
	endsWindowClosed
	subjects
)

var subjectNames = [subjects]string{
	usersCutOff: "users cut off", serversDown: "servers down", serversLeft: "servers left", elapsed: "elapsed",
	failedOver: "failed over", endsCompleted: "completed", endsFailed: "failed", endsAborted: "aborted",
	endsInDoubt: "in-doubt", endsWindowClosed: "window-closed",
}

var subjectEndings = map[subject]interp.Ending{
	endsCompleted: interp.Completed, endsFailed: interp.FailedRun, endsAborted: interp.AbortedRun, endsInDoubt: interp.InDoubt,
	endsWindowClosed: interp.WindowClosed,
}

// measured reports whether the subject is a figure that is compared with another one.
func (s subject) measured() bool { return s <= elapsed }

type comparison uint8

const (
	noComparison comparison = iota
	less
	lessOrEqual
	more
	moreOrEqual
)

var comparisons = map[string]comparison{"<": less, "<=": lessOrEqual, ">": more, ">=": moreOrEqual}

func (c comparison) holds(a, b int64) bool {
	switch c {
	case less:
		return a < b
	case lessOrEqual:
		return a <= b
	case more:
		return a > b
	}
	return a >= b
}

// MaxProps is how many properties one file may hold.
const MaxProps = 100

// ParseProps reads a file of properties: one a line, `#` begins a comment. The error names every line that cannot be
// read, with the nearest word that would do.
func ParseProps(name string, src []byte) ([]Prop, error) {
	var props []Prop
	var errs []error
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(string(src), "\ufeff")) {
		n++
		text, _, _ := strings.Cut(line, "#")
		if strings.TrimSpace(text) == "" {
			continue
		}
		p, col, err := parseProp(text)
		if err == nil && len(props) == MaxProps {
			err = fmt.Errorf("more than %d properties", MaxProps)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s:%d:%d: %w", name, n, col, err))
			continue
		}
		p.File, p.Line = name, n
		props = append(props, p)
	}
	return props, errors.Join(errs...)
}

// word is a word of a line and its column.
type word struct {
	text string
	col  int
}

func words(line string) []word {
	var list []word
	col := 1
	for i := 0; i < len(line); {
		if strings.ContainsRune(" \t\r\n", rune(line[i])) {
			i++
			col++
			continue
		}
		j := i
		for j < len(line) && !strings.ContainsRune(" \t\r\n", rune(line[j])) {
			j++
		}
		list = append(list, word{line[i:j], col})
		col += len([]rune(line[i:j]))
		i = j
	}
	return list
}

func parseProp(line string) (p Prop, col int, err error) {
	ws := words(line)
	texts := make([]string, len(ws))
	for i, w := range ws {
		texts[i] = w.text
	}
	p.Text = strings.Join(texts, " ")
	m, ok := modes[ws[0].text]
	if !ok {
		return p, ws[0].col, unknown(ws[0].text, "a property begins with never, always or sometimes", []string{"never", "always", "sometimes"})
	}
	p.mode = m
	rest := ws[1:]
	end := len(line)
	if len(rest) == 0 {
		return p, end, fmt.Errorf("%s what? One of: %s", ws[0].text, strings.Join(subjectNames[:], ", "))
	}
	k := 0
	for k < len(rest) && comparisons[rest[k].text] == noComparison {
		k++
	}
	name := strings.Join(texts[1:1+k], " ")
	p.subject = subjects
	for s, n := range subjectNames {
		if n == name {
			p.subject = subject(s)
		}
	}
	if p.subject == subjects {
		return p, rest[0].col, unknown(name, "known are: "+strings.Join(subjectNames[:], ", "), subjectNames[:])
	}
	if k == len(rest) {
		if p.subject.measured() {
			return p, rest[k-1].col, fmt.Errorf("%q is a figure: compare it, as in %s %s > 2", name, ws[0].text, name)
		}
		return p, 0, nil
	}
	if !p.subject.measured() {
		return p, rest[k].col, fmt.Errorf("%q is no figure: there is nothing to compare", name)
	}
	p.op = comparisons[rest[k].text]
	if k+2 != len(rest) {
		return p, rest[k].col, fmt.Errorf("one value follows %s", rest[k].text)
	}
	return p, rest[k+1].col, p.parseValue(rest[k+1].text)
}

func (p *Prop) parseValue(text string) error {
	if p.subject != elapsed {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no whole number", text)
		}
		p.value = n
		return nil
	}
	d, err := pool.ParseDuration(text)
	if err != nil {
		return err
	}
	p.value = d.Milliseconds()
	upper := p.op == less || p.op == lessOrEqual
	if p.mode == sometimes || upper != (p.mode == always) {
		return errors.New("of the time elapsed only the longest is known: write `always elapsed < D` or `never elapsed > D`")
	}
	return nil
}

func unknown(text, known string, names []string) error {
	if near := spell.Nearest(text, names); near != "" {
		return fmt.Errorf("unknown %q, did you mean %q?", text, near)
	}
	return fmt.Errorf("unknown %q; %s", text, known)
}

// counts reports whether some property needs to know how many people were cut off.
func (x *model) counts() bool {
	for i := range x.opts.Props {
		if x.opts.Props[i].subject == usersCutOff {
			return true
		}
	}
	return false
}

// checkProps judges the user's properties in one state. sometimes is told which of them it has seen.
func (x *model) checkProps(w *world, m *interp.Machine, seen []bool) {
	for i := range x.opts.Props {
		p := &x.opts.Props[i]
		is, known := x.propHolds(w, m, p)
		switch {
		case !known:
		case p.mode == sometimes:
			if seen != nil {
				seen[i] = seen[i] || is
			}
		case is != (p.mode == always) && w.broken == Holds:
			w.broken, w.prop = UserProperty, uint8(i)
		}
	}
}

// propHolds reports whether what a property says is so in a state, and whether the state tells.
func (x *model) propHolds(w *world, m *interp.Machine, p *Prop) (is, known bool) {
	ending, ended := m.Ending()
	switch p.subject {
	case usersCutOff:
		return p.op.holds(int64(w.cut), p.value), true
	case serversDown:
		return p.op.holds(int64(((w.out | w.sick) &^ w.dead).Len()), p.value), true
	case serversLeft:
		_, left := m.Progress()
		return p.op.holds(int64(left.Len()), p.value), ended
	case elapsed:
		return true, false // the longest path tells
	case failedOver:
		return w.state == interp.FailedOver, true
	}
	return ending == subjectEndings[p.subject], ended
}

// cutOff counts the people whose calls an action on a server ends: its share of the sessions, unless it was drained.
func (x *model) cutOff(w *world, e *interp.Effect) {
	if !x.counting {
		return
	}
	share := uint32((x.m.Sessions + len(x.pool.Servers) - 1) / len(x.pool.Servers))
	switch {
	case e.Action == interp.Failover && !e.Attach:
		w.cut += share * uint32(w.running().Len())
	case e.Server < 0 || e.Attach || w.state == interp.FailedOver || w.stopped.Has(int(e.Server)) || w.dead.Has(int(e.Server)):
	case e.Action == interp.Stop && !x.prog.At(e.ID.PC).Graceful, e.Action == interp.Upgrade, e.Action == interp.Restart,
		e.Action == interp.FailoverServer:
		if !w.cutFrom.Has(int(e.Server)) {
			w.cut += share
			w.cutFrom = w.cutFrom.Add(int(e.Server))
		}
	}
}

// judgeElapsed judges what is said of the time elapsed, by the longest path.
func (e *Explorer) judgeElapsed(rest []int32) {
	for i := range e.x.opts.Props {
		p := &e.x.opts.Props[i]
		worst := int64(rest[e.root]) * 1000
		if p.subject != elapsed || p.op.holds(worst, p.value) == (p.mode == always) {
			continue
		}
		e.property, e.prop, e.night = UserProperty, i, e.longestNight(rest)
		return
	}
}

// judgeSometimes judges what has to be possible.
func (e *Explorer) judgeSometimes() {
	for i := range e.x.opts.Props {
		if e.x.opts.Props[i].mode == sometimes && !e.seen[i] {
			e.property, e.prop, e.night = UserProperty, i, e.x.quietNight()
			return
		}
	}
}

// says is the violation in words.
func (p *Prop) says(a *Answer) string {
	switch {
	case p.subject == elapsed && a.Trace != nil:
		return fmt.Sprintf("%s:%d: %s, and the run can take %s", p.File, p.Line, p.Text, brief(a.Trace.at()))
	case p.mode == sometimes:
		return fmt.Sprintf("%s:%d: %s, and no run within the bounds does", p.File, p.Line, p.Text)
	}
	return fmt.Sprintf("%s:%d: %s, and this night does otherwise", p.File, p.Line, p.Text)
}
