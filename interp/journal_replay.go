package interp

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Sink keeps the lines of a journal. Append returns once all of them are durable. After an error nothing more may be
// appended: it is not known what of them was kept.
type Sink interface {
	Append(lines []byte) error
}

// ErrJournal is what [DriveJournaled] ends with where the journal cannot be written.
var ErrJournal = errors.New("the journal cannot be written, nothing further was begun")

// JournalWriter writes what a machine does as lines of a journal, one Append a Step.
type JournalWriter struct {
	// Seen is called, where it is set, with each Output once its records are durable: a live view shows what is on record.
	Seen func(*Output)

	sink Sink
	sum  string // of the last line
	owed []byte // lines of a Step that was not wholly on record, to be written before any other
	buf  []byte
	body []byte
	err  error
}

// NewJournalWriter writes behind a header's line.
func NewJournalWriter(header []byte, sink Sink) (*JournalWriter, error) {
	_, sum, ok := cutSum(bytes.TrimSuffix(header, []byte("\n")))
	if !ok {
		return nil, errors.New("not the line of a header")
	}
	return &JournalWriter{sink: sink, sum: sum}, nil
}

// Step makes the records of one Step durable. The effects of the Step may be begun once it has returned without error; what
// only looks may be begun before, see [DriveJournaled].
func (w *JournalWriter) Step(m *Machine, out *Output) error {
	if w.err != nil {
		return w.err
	}
	if len(out.Records) == 0 {
		if len(out.Effects) > 0 {
			return fmt.Errorf("%w: effects without a record", ErrJournal)
		}
		return nil
	}
	buf, sum := w.buf[:0], w.sum
	for i := range out.Records {
		w.body = m.appendLine(w.body[:0], out, i)
		buf, sum = seal(buf, sum, w.body)
	}
	w.buf = buf
	if err := w.append(buf, sum); err != nil {
		return err
	}
	if w.Seen != nil {
		w.Seen(out)
	}
	return nil
}

// append makes lines durable, with what is owed before them.
func (w *JournalWriter) append(lines []byte, sum string) error {
	if w.err != nil {
		return w.err
	}
	if len(w.owed) > 0 {
		lines = append(w.owed, lines...)
	}
	if err := w.sink.Append(lines); err != nil {
		w.err = fmt.Errorf("%w: %w", ErrJournal, err)
		return w.err
	}
	w.sum, w.owed = sum, nil
	return nil
}

// Session puts on record who goes on with the run.
func (w *JournalWriter) Session(s Session) error {
	s.Event = lineSession
	return w.value(s)
}

// Abandon puts on record that the run is given up. Nothing can be appended after it.
func (w *JournalWriter) Abandon(s Session) error {
	s.Event = lineAbandon
	if err := w.value(s); err != nil {
		return err
	}
	w.err = fmt.Errorf("%w: the run is abandoned", ErrJournal)
	return nil
}

// Amend puts on record that the run goes on with another runbook. The caller has made sure by [Journal.Replay] that the
// new program does the same in what is done already.
func (w *JournalWriter) Amend(s Session, p *Program, set map[string]string) error {
	s.Event = lineAmend
	a := amendment{Session: s, Set: set}
	a.Runbook, a.Includes = sourceTexts(p)
	return w.value(a)
}

func (w *JournalWriter) value(v any) error {
	line, sum, err := sealValue(nil, w.sum, v)
	if err != nil {
		return err
	}
	return w.append(line, sum)
}

// appendLine appends record i of a Step as it stands in a journal, without its closing brace and sum.
func (m *Machine) appendLine(dst []byte, out *Output, i int) []byte {
	p, r := m.prog, &out.Records[i]
	if r.Kind == RecFinish {
		res := m.Standing()
		dst = p.AppendFinish(dst, r, &res)
	} else {
		dst = p.AppendJSON(dst, r)
	}
	o := object{buf: dst[:len(dst)-1], prog: p}
	if id, ok := recordID(r, out.Effects); ok {
		o.str("id", id.String())
	}
	if r.Input {
		o.key("ev")
		o.buf = p.appendEvent(o.buf, &r.Ev)
	}
	if i == len(out.Records)-1 {
		o.key("effects")
		o.buf = append(o.buf, '[')
		for k := range out.Effects {
			if k > 0 {
				o.buf = append(o.buf, ',')
			}
			o.buf = appendString(o.buf, string(p.appendEffect(nil, &out.Effects[k])))
		}
		o.buf = append(o.buf, ']')
	}
	return o.buf
}

// recordID is the effect that a record tells of: the one that ended, or the one that the step has just asked for.
func recordID(r *Record, effects []Effect) (EffectID, bool) {
	if r.Input && (r.Ev.Kind == Ended || r.Ev.Kind == Progress) {
		return r.Ev.ID, true
	}
	if r.Kind == RecStart || r.Kind == RecTry {
		for i := range effects {
			if effects[i].ID.Server == r.Server && int32(effects[i].ID.PC) == r.PC {
				return effects[i].ID, true
			}
		}
	}
	return EffectID{}, false
}

// DriveJournaled is [Drive] with a journal: the records of a Step are durable before its effects are begun, so that
// whatever was begun is on record. Effects that look and change nothing are begun while the disk still writes: most of a
// night is looks, and one that nobody knows of does no harm. An append that fails ends the run at once, before anything
// further is done; it goes on by resume like one that was killed. first is Began, or Resumed for a machine that
// [Journal.Replay] has brought back.
func DriveJournaled(ctx context.Context, m *Machine, w World, j *JournalWriter, first Event) (Result, error) {
	ev := first
	if ev.Kind == Resumed && !m.Begun() {
		ev = Event{Kind: Began, At: first.At} // killed before its first record: nothing was begun
	}
	for {
		ev.Text = clip(ev.Text)
		out := m.Step(ev)
		looks := !slices.ContainsFunc(out.Effects, func(e Effect) bool { return !e.Action.Looks() })
		if looks {
			w.Start(out.Effects)
		}
		if err := j.Step(m, out); err != nil {
			return m.Standing(), err
		}
		if !looks {
			w.Start(out.Effects)
		}
		if res, done := m.Result(); done {
			return res, nil
		}
		var err error
		if ev, err = w.Next(ctx); err != nil {
			return m.Standing(), err
		}
	}
}

// maxEventText bounds what a server's answer may put into the journal, in bytes.
const maxEventText = 16 << 10

// clip shortens a text that is longer, and says so.
func clip(s string) string {
	if len(s) <= maxEventText {
		return s
	}
	cut := maxEventText
	for cut > maxEventText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%s… (%d bytes more)", s[:cut], len(s)-cut)
}

// Begun reports whether the machine has taken in its first event.
func (m *Machine) Begun() bool { return m.st.seq > 0 }

// Replay feeds every event of the journal to a fresh machine of the program and compares each record it writes, byte
// for byte, with the journalled one. The first difference is a [*JournalError] with both. The machine is then where the
// run was when its last record was written; the writer goes on behind it. prog is that of the header, or one that is to
// take its place: it is accepted where it does the same in what is done.
func (j *Journal) Replay(prog *Program, sink Sink) (*Machine, *JournalWriter, error) {
	m := New(prog, j.Header.Args())
	w := &JournalWriter{sink: sink, sum: j.sum}
	if j.Abandoned != nil {
		w.err = fmt.Errorf("%w: the run is abandoned", ErrJournal)
	}
	var body []byte
	for i := 0; i < len(j.lines); {
		line := &j.lines[i]
		ev, err := j.event(prog, line)
		if err != nil {
			return nil, nil, err
		}
		out := m.Step(ev)
		if len(out.Records) == 0 {
			return nil, nil, j.differs(line, []byte("nothing at all"))
		}
		for k := range out.Records {
			body = m.appendLine(body[:0], out, k)
			if i >= len(j.lines) { // the crash came in the middle of this Step: none of its effects was begun
				w.owed, w.sum = seal(w.owed, w.sum, body)
				continue
			}
			if !bytes.Equal(body, j.lines[i].body) {
				return nil, nil, j.differs(&j.lines[i], body)
			}
			i++
		}
		if j.Seen != nil {
			j.Seen(out)
		}
	}
	return m, w, nil
}

// Writer goes on behind the journal without following the run: for one who only puts on record that it is given up.
func (j *Journal) Writer(sink Sink) *JournalWriter { return &JournalWriter{sink: sink, sum: j.sum} }

// event reads the event that entered with a record.
func (j *Journal) event(prog *Program, line *journalLine) (Event, error) {
	var l struct {
		Ev json.RawMessage `json:"ev"`
	}
	if err := json.Unmarshal(closed(line.body), &l); err != nil {
		return Event{}, j.fault(line.no, "not a journal line: %v", err)
	}
	if l.Ev == nil {
		return Event{}, j.fault(line.no, "a record without its event, where the program had nothing more to say: the journal is of another program")
	}
	ev, err := prog.parseEvent(l.Ev)
	if err != nil {
		return Event{}, j.fault(line.no, "the event of this record cannot be understood: %v", err)
	}
	return ev, nil
}

func (j *Journal) differs(line *journalLine, now []byte) error {
	return j.fault(line.no, "the run cannot be followed: this record is not written again (the journal is of lrun %s)\n  journal: %s\n  now:     %s",
		j.Header.Lrun, tail(line.body), tail(now))
}

// tail keeps an error readable where a line is very long.
func tail(b []byte) string {
	const most = 2000
	if len(b) > most {
		return string(b[:most]) + "…"
	}
	return string(b)
}
