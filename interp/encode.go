package interp

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/lrun/lrun/pool"
)

// AppendJSON appends a record as one JSON object without a line end: the events of the command's contract, the same in
// every output. Names are the pool's, times are seconds since the start of the run.
func (p *Program) AppendJSON(dst []byte, r *Record) []byte {
	o := object{buf: append(dst, '{'), prog: p}
	o.num("seq", r.Seq)
	o.seconds("t", r.At)
	o.str("event", r.Kind.String())
	o.place(r)
	in := p.instr(r.PC)
	switch r.Kind {
	case RecBegin:
		o.begin()
	case RecReading:
		o.reading(&r.Ev.Reading)
		o.tries(r)
	case RecSurvey:
		o.survey(&r.Ev.Reading)
	case RecStart, RecTry, RecWait, RecEnd, RecTried, RecLook:
		o.step(r, in)
	case RecFact:
		o.str("fact", r.Ev.Fact.String())
		o.count("count", int64(r.Ev.Count))
		o.optional("text", p.FactWords(&r.Ev))
	case RecTurn, RecTurnEnd, RecSkip:
		o.servers("servers", r.Servers)
		o.reason(r, in)
	case RecLeave:
		o.str("outcome", leaveWords(r.Outcome))
		o.servers("servers", r.Servers)
		o.reason(r, in)
	case RecNote:
		o.str("text", r.Text)
	case RecSignal:
		o.str("signal", signalWords(r.Ev.Kind))
	case RecHandler:
		o.str("on", handlerWords(r.Final))
	case RecFinish:
		o.str("outcome", r.Final.String())
	}
	if in != nil {
		o.num("line", int64(in.Line))
		if in.File != "" && p.Source != nil && p.Source.Main != nil && in.File != p.Source.Main.Pos.Filename {
			o.str("file", in.File)
		}
	}
	return append(o.buf, '}')
}

// AppendFinish appends the finish event, which tells the whole result.
func (p *Program) AppendFinish(dst []byte, r *Record, res *Result) []byte {
	o := object{buf: append(dst, '{'), prog: p}
	o.num("seq", r.Seq)
	o.seconds("t", r.At)
	o.str("event", r.Kind.String())
	o.str("outcome", res.Ending.String())
	o.boolean("failed_over", res.FailedOver)
	o.list("upgraded", res.Upgraded)
	o.list("remaining", res.Remaining)
	o.list("skipped", res.Skipped)
	o.list("down", res.Down)
	o.seconds("elapsed", res.Elapsed)
	o.str("reason", res.Reason)
	return append(o.buf, '}')
}

func (p *Program) instr(pc int32) *Instr {
	if pc < 0 || int(pc) >= len(p.Instrs) {
		return nil
	}
	return &p.Instrs[pc]
}

func leaveWords(o Outcome) string {
	if o == Done {
		return "granted"
	}
	return "refused"
}

func signalWords(k EventKind) string {
	if k == Interrupt {
		return "interrupt"
	}
	return "pause"
}

func handlerWords(e Ending) string {
	if e == WindowClosed {
		return "window"
	}
	return "failure"
}

// object writes one JSON object field by field, in a fixed order: maps would give another order each time.
type object struct {
	buf  []byte
	prog *Program
}

func (o *object) key(k string) {
	if o.buf[len(o.buf)-1] != '{' {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, k...)
	o.buf = append(o.buf, '"', ':')
}

func (o *object) str(k, v string) {
	o.key(k)
	o.buf = appendString(o.buf, v)
}

func (o *object) optional(k, v string) {
	if v != "" {
		o.str(k, v)
	}
}

func (o *object) num(k string, v int64) {
	o.key(k)
	o.buf = strconv.AppendInt(o.buf, v, 10)
}

func (o *object) count(k string, v int64) {
	if v != 0 {
		o.num(k, v)
	}
}

func (o *object) boolean(k string, v bool) {
	o.key(k)
	o.buf = strconv.AppendBool(o.buf, v)
}

// seconds writes a time as seconds with at least one decimal, to the millisecond.
func (o *object) seconds(k string, d time.Duration) {
	o.key(k)
	ms := d.Milliseconds()
	o.buf = strconv.AppendInt(o.buf, ms/1000, 10)
	o.buf = append(o.buf, '.')
	frac := ms % 1000
	digits := []byte{byte('0' + frac/100), byte('0' + frac/10%10), byte('0' + frac%10)}
	n := 3
	for n > 1 && digits[n-1] == '0' {
		n--
	}
	o.buf = append(o.buf, digits[:n]...)
}

func (o *object) list(k string, v []string) {
	o.key(k)
	o.buf = append(o.buf, '[')
	for i, s := range v {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		o.buf = appendString(o.buf, s)
	}
	o.buf = append(o.buf, ']')
}

func (o *object) servers(k string, s pool.Set) { o.list(k, o.prog.Pool.Names(s)) }

func (o *object) domains(k string, s pool.Set) {
	var names []string
	for i, d := range o.prog.Pool.Domains {
		if s.Has(i) {
			names = append(names, d.Name)
		}
	}
	o.list(k, names)
}

// place says what the record is about: a server and its domain, a domain, or the pool.
func (o *object) place(r *Record) {
	if r.Kind == RecReading || r.Kind == RecSurvey || r.Kind == RecBegin {
		o.str("pool", o.prog.Pool.Name)
		return
	}
	d := int(r.Domain)
	if r.Server >= 0 {
		d = o.prog.Pool.Servers[r.Server].Domain
	}
	if d >= 0 {
		o.str("domain", o.prog.Pool.Domains[d].Name)
	}
	if r.Server >= 0 {
		o.str("server", o.prog.Pool.Servers[r.Server].Name)
	}
}

func (o *object) begin() {
	p := o.prog
	o.str("runbook", p.Name)
	o.str("product", p.Pool.Product.String())
	o.servers("servers", p.Pool.All())
}

func (o *object) reading(r *Reading) {
	o.str("state", r.State.String())
	if r.State == Ready || r.State == Busy || r.State == Insufficient {
		o.domains("ready", r.Domains)
		o.servers("running", r.Running)
	}
}

func (o *object) survey(r *Reading) {
	o.str("pool_state", r.Pool.String())
	o.servers("running", r.Running)
	if r.Pending != 0 {
		o.servers("pending_reboot", r.Pending)
	}
}

func (o *object) tries(r *Record) {
	if r.Tries > 0 {
		o.num("try", int64(r.Try))
		o.num("tries", int64(r.Tries))
	}
}

func (o *object) step(r *Record, in *Instr) {
	o.str("action", r.Action.String())
	if in != nil && in.Graceful && r.Action == Stop {
		o.boolean("graceful", true)
	}
	switch r.Kind {
	case RecEnd:
		o.str("outcome", r.Outcome.String())
		o.num("tries", int64(r.Try))
	case RecTried, RecLook:
		o.str("outcome", r.Outcome.String())
		o.tries(r)
	case RecWait:
		o.str("outcome", r.Outcome.String())
		o.tries(r)
		o.seconds("until", r.Until)
	case RecTry:
		o.tries(r)
	case RecStart:
		if r.Until > 0 {
			o.seconds("until", r.Until)
		}
		o.optional("text", r.Text)
		return
	}
	if r.Kind != RecTry {
		o.count("sessions_cut", int64(r.Ev.Count))
		o.reason(r, in)
	}
}

func (o *object) reason(r *Record, in *Instr) {
	if r.Reason != NoReason || r.Ev.Text != "" {
		o.optional("reason", o.prog.reasonWords(r.Reason, in, r.Try, r.Ev.Text))
	}
}

// appendString appends a JSON string; control characters and invalid UTF-8 are escaped or replaced, the rest stands as
// it is.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r) // an invalid byte becomes U+FFFD
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}
