package interp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lrun/lrun/pool"
)

var eventNames = [...]string{
	Began: "began", Ended: "ended", Progress: "progress", Fact: "fact", Pause: "pause", Interrupt: "interrupt", Resumed: "resumed",
}

func (k EventKind) String() string {
	if int(k) < len(eventNames) {
		return eventNames[k]
	}
	return "event " + strconv.Itoa(int(k))
}

// appendEvent writes an event without loss: replaying it must do exactly what it did. Fields with their zero value are
// left out. Sets are lists of names, so that a person can read them.
func (p *Program) appendEvent(dst []byte, ev *Event) []byte {
	o := object{buf: append(dst, '{'), prog: p}
	o.str("kind", ev.Kind.String())
	o.exact("at", ev.At)
	if ev.ID != (EffectID{}) {
		o.str("id", ev.ID.String())
	}
	o.optional("outcome", ev.Outcome.String())
	if ev.Bound {
		o.boolean("bound", true)
	}
	if ev.Reading != (Reading{}) {
		o.key("reading")
		o.buf = p.appendReading(o.buf, &ev.Reading)
	}
	o.count("count", int64(ev.Count))
	if ev.Server != 0 || ev.Kind == Fact {
		o.str("server", p.serverText(ev.Server))
	}
	if ev.Fact != NoFact {
		o.str("fact", ev.Fact.String())
	}
	if a := ev.Assume; a != (Assume{}) {
		o.key("assume")
		o.buf = append(o.buf, '{')
		o.set("done", a.Done)
		o.set("redo", a.Redo)
		o.flag("pool_done", a.PoolDone)
		o.flag("pool_redo", a.PoolRedo)
		o.buf = append(o.buf, '}')
	}
	if ev.Window != 0 {
		o.exact("window", ev.Window)
	}
	switch {
	case ev.Text == "":
	case utf8.ValidString(ev.Text):
		o.str("text", ev.Text)
	default:
		o.str("text64", base64.StdEncoding.EncodeToString([]byte(ev.Text)))
	}
	return append(o.buf, '}')
}

func (p *Program) appendReading(dst []byte, r *Reading) []byte {
	o := object{buf: append(dst, '{'), prog: p}
	o.optional("state", r.State.String())
	if r.Pool != StateUnread {
		o.str("pool", r.Pool.String())
	}
	o.flag("sql", r.SQL)
	if r.Domains != 0 {
		o.domains("domains", r.Domains)
	}
	o.set("running", r.Running)
	o.set("pending", r.Pending)
	o.set("at_version", r.AtVersion)
	return append(o.buf, '}')
}

func (o *object) flag(k string, v bool) {
	if v {
		o.boolean(k, true)
	}
}

func (o *object) set(k string, s pool.Set) {
	if s != 0 {
		o.servers(k, s)
	}
}

// exact writes a time in seconds to the nanosecond.
func (o *object) exact(k string, d time.Duration) {
	o.key(k)
	if d < 0 {
		o.buf = append(o.buf, '-')
		d = -d
	}
	o.buf = strconv.AppendUint(o.buf, uint64(d)/1e9, 10)
	if frac := uint64(d) % 1e9; frac != 0 {
		digits := strings.TrimRight(fmt.Sprintf("%09d", frac), "0")
		o.buf = append(append(o.buf, '.'), digits...)
	}
}

// parseExact reads what exact wrote.
func parseExact(n json.Number) (time.Duration, error) {
	text := string(n)
	whole, frac, _ := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if len(frac) > 9 {
		return 0, fmt.Errorf("time %s is finer than a nanosecond", text)
	}
	v, err := strconv.ParseUint(whole+frac+strings.Repeat("0", 9-len(frac)), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%q is no time in seconds", text)
	}
	if text[0] == '-' {
		return -time.Duration(v), nil
	}
	return time.Duration(v), nil
}

// serverText names a server by its index; [Pool] is "pool".
func (p *Program) serverText(i int8) string {
	switch {
	case i == Pool:
		return "pool"
	case i >= 0 && int(i) < len(p.Pool.Servers):
		return p.Pool.Servers[i].Name
	}
	return "#" + strconv.Itoa(int(i))
}

// eventLine is an event as it stands in a journal.
type eventLine struct {
	Kind    string       `json:"kind"`
	At      json.Number  `json:"at"`
	ID      string       `json:"id"`
	Outcome string       `json:"outcome"`
	Bound   bool         `json:"bound"`
	Reading *readingLine `json:"reading"`
	Count   int32        `json:"count"`
	Server  string       `json:"server"`
	Fact    string       `json:"fact"`
	Assume  *assumeLine  `json:"assume"`
	Window  json.Number  `json:"window"`
	Text    string       `json:"text"`
	Text64  []byte       `json:"text64"`
}

type readingLine struct {
	State     string   `json:"state"`
	Pool      string   `json:"pool"`
	SQL       bool     `json:"sql"`
	Domains   []string `json:"domains"`
	Running   []string `json:"running"`
	Pending   []string `json:"pending"`
	AtVersion []string `json:"at_version"`
}

type assumeLine struct {
	Done     []string `json:"done"`
	Redo     []string `json:"redo"`
	PoolDone bool     `json:"pool_done"`
	PoolRedo bool     `json:"pool_redo"`
}

// eventReader turns the words of a line back into an event; the first thing it cannot understand is its error.
type eventReader struct {
	pool *pool.Pool
	err  error
}

// parseEvent reads what appendEvent wrote.
func (p *Program) parseEvent(src []byte) (Event, error) {
	var l eventLine
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return Event{}, fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	r := &eventReader{pool: p.Pool}
	ev := Event{
		Kind: EventKind(r.word("kind", l.Kind, eventNames[:])), At: r.time(l.At), Outcome: Outcome(r.word("outcome", l.Outcome, outcomeNames[:])),
		Bound: l.Bound, Count: l.Count, Server: r.server(l.Server), Window: r.time(l.Window), Text: l.Text,
	}
	if l.ID != "" {
		id, err := ParseEffectID(l.ID)
		r.fail(err)
		ev.ID = id
	}
	if l.Fact != "" {
		ev.Fact = FactKind(r.word("fact", l.Fact, factNames[:]))
	}
	if x := l.Reading; x != nil {
		ev.Reading = Reading{
			State: ReadState(r.word("state", x.State, readStateNames[:])), SQL: x.SQL, Domains: r.domains(x.Domains),
			Running: r.servers(x.Running), Pending: r.servers(x.Pending), AtVersion: r.servers(x.AtVersion),
		}
		if x.Pool != "" {
			ev.Reading.Pool = PoolState(r.word("pool", x.Pool, poolStateNames[:]))
		}
	}
	if x := l.Assume; x != nil {
		ev.Assume = Assume{Done: r.servers(x.Done), Redo: r.servers(x.Redo), PoolDone: x.PoolDone, PoolRedo: x.PoolRedo}
	}
	if l.Text64 != nil {
		ev.Text = string(l.Text64)
	}
	return ev, r.err
}

func (r *eventReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *eventReader) word(what, w string, names []string) int {
	i := slices.Index(names, w)
	if i < 0 {
		r.fail(fmt.Errorf("unknown %s %q", what, w))
		return 0
	}
	return i
}

func (r *eventReader) time(n json.Number) time.Duration {
	if n == "" {
		return 0
	}
	d, err := parseExact(n)
	r.fail(err)
	return d
}

func (r *eventReader) server(name string) int8 {
	switch name {
	case "":
		return 0
	case "pool":
		return Pool
	}
	i, ok := r.pool.Server(name)
	if !ok {
		r.fail(fmt.Errorf("the pool has no server %q", name))
	}
	return int8(i)
}

func (r *eventReader) servers(names []string) pool.Set {
	var s pool.Set
	for _, n := range names {
		s = s.Add(int(max(r.server(n), 0)))
	}
	return s
}

func (r *eventReader) domains(names []string) pool.Set {
	var s pool.Set
	for _, n := range names {
		i, ok := r.pool.Domain(n)
		if !ok {
			r.fail(fmt.Errorf("the pool has no domain %q", n))
		}
		s = s.Add(i)
	}
	return s
}

// appendEffect writes an effect in one line of words, all of it: "stop fe01.contoso.com within 3600 id 0.1.0.5.1.1".
func (p *Program) appendEffect(dst []byte, e *Effect) []byte {
	b := fmt.Appendf(dst, "%s", e.Action)
	if e.Attach {
		b = append(b, " attach"...)
	}
	if e.Of != NoAction {
		b = fmt.Appendf(b, " at %s", e.Of)
	}
	if e.Ref != (EffectID{}) {
		b = fmt.Appendf(b, " %s", e.Ref)
	}
	b = fmt.Appendf(b, " %s", p.serverText(e.Server))
	switch {
	case e.Domain >= 0 && int(e.Domain) < len(p.Pool.Domains):
		b = fmt.Appendf(b, " in %s", p.Pool.Domains[e.Domain].Name)
	case e.Domain != none:
		b = fmt.Appendf(b, " in #%d", e.Domain)
	}
	o := object{prog: p}
	for _, d := range []struct {
		word string
		d    time.Duration
	}{{"within", e.Within}, {"for", e.For}} {
		if d.d != 0 {
			o.buf = append(o.buf[:0], '{')
			o.exact(d.word, d.d)
			_, value, _ := strings.Cut(string(o.buf), ":")
			b = fmt.Appendf(b, " %s %s", d.word, value)
		}
	}
	return fmt.Appendf(b, " id %s", e.ID)
}
