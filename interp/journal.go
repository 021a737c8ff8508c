package interp

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lrun/lrun/lang"
	"github.com/lrun/lrun/pool"
)

// A journal is the history of a run as JSON Lines. Line 1 is its [Header]. The lines after it are the records of the
// machine, as [Program.AppendJSON] writes them, with further fields:
//
//	id       the effect that a start, try or end is about
//	ev       on the first record of a Step: the whole [Event] that entered, without loss
//	effects  on the last record of a Step: what the machine asked for, to be begun once the line is durable
//	sum      on every line, last: a checksum of the line and of the sum before it
//
// Between them stand lines that are not the machine's: who went on with the run ("session"), a changed runbook
// ("amend"), and that it was given up ("abandon").
//
// The sum notices what was edited, lost or put elsewhere by accident or by hand. It is no signature.

// JournalFormat is the version of the format. A journal of another one is refused.
const JournalFormat = 1

// The lines of a journal that are not records.
const (
	lineHeader  = "journal"
	lineSession = "session"
	lineAmend   = "amend"
	lineAbandon = "abandon"
)

// SourceText is a file as it was when the run began.
type SourceText struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Header is line 1: all that is needed to build the run's program again, whatever has become of its files.
type Header struct {
	Event    string            `json:"event"` // "journal"
	Format   int               `json:"format"`
	Lrun     string            `json:"lrun"` // version that wrote it
	Run      string            `json:"run"`  // the run's id
	By       string            `json:"by"`   // who, where
	Started  time.Time         `json:"started"`
	Clock    int64             `json:"clock_ms"` // time of day at the start, milliseconds since midnight
	Set      map[string]string `json:"set,omitempty"`
	Pool     string            `json:"pool"`
	Product  string            `json:"product"`
	Backup   string            `json:"backup,omitempty"` // effective pairing
	Domains  []HeaderDomain    `json:"domains"`          // effective topology, in its order
	Runbook  SourceText        `json:"runbook"`
	Includes []SourceText      `json:"includes,omitempty"`
	PoolFile SourceText        `json:"pool_file"`
}

// HeaderDomain is an upgrade domain and its servers.
type HeaderDomain struct {
	Name    string   `json:"name"`
	Servers []string `json:"servers"`
}

// Session tells who went on with a run, changed or abandoned it, and when.
type Session struct {
	Event string    `json:"event"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Lrun  string    `json:"lrun,omitempty"`
}

// amendment is a changed runbook, for what is not done yet.
type amendment struct {
	Session
	Set      map[string]string `json:"set,omitempty"`
	Runbook  SourceText        `json:"runbook"`
	Includes []SourceText      `json:"includes,omitempty"`
}

// NewHeader describes a program that is about to run. set holds the parameters given from outside, poolFile the name of
// the pool's file. Run, By, Lrun and Started are left for the caller.
func NewHeader(p *Program, args Args, set map[string]string, poolFile string) Header {
	h := Header{
		Event: lineHeader, Format: JournalFormat, Clock: args.Clock.Milliseconds(), Set: set,
		Pool: p.Pool.Name, Product: p.Pool.Product.String(), Backup: p.Pool.Backup,
		PoolFile: SourceText{poolFile, string(p.Pool.Source)},
	}
	for _, d := range p.Pool.Domains {
		h.Domains = append(h.Domains, HeaderDomain{d.Name, p.Pool.Names(d.Servers)})
	}
	h.Runbook, h.Includes = sourceTexts(p)
	return h
}

func sourceTexts(p *Program) (main SourceText, includes []SourceText) {
	for i, f := range p.Source.Files {
		t := SourceText{f.Pos.Filename, string(p.Source.Sources[f.Pos.Filename])}
		if i == 0 {
			main = t
		} else {
			includes = append(includes, t)
		}
	}
	return main, includes
}

// Args are the arguments of the run.
func (h *Header) Args() Args { return Args{Clock: time.Duration(h.Clock) * time.Millisecond} }

// Program builds the run's program from the texts in the header.
func (h *Header) Program() (*Program, error) {
	p, err := h.pool()
	if err != nil {
		return nil, err
	}
	src, diags := lang.Load(h.Runbook.Name, []byte(h.Runbook.Text), h.include)
	if diags.HasErrors() {
		return nil, fmt.Errorf("the runbook in the journal does not load: %w", diags)
	}
	prog, err := Compile(src, p, h.Set)
	if err != nil {
		return nil, fmt.Errorf("the runbook in the journal does not go with its pool: %w", err)
	}
	return prog, nil
}

func (h *Header) include(path string) ([]byte, error) {
	for _, t := range h.Includes {
		if t.Name == path {
			return []byte(t.Text), nil
		}
	}
	return nil, fmt.Errorf("the journal does not hold %s", path)
}

// pool is the pool of the file in the header with the topology and pairing that the run went by.
func (h *Header) pool() (*pool.Pool, error) {
	p, err := pool.Decode(h.PoolFile.Name, []byte(h.PoolFile.Text))
	if err != nil {
		return nil, fmt.Errorf("the pool file in the journal does not load: %w", err)
	}
	if p.Name != h.Pool || p.Product.String() != h.Product {
		return nil, fmt.Errorf("the journal is of pool %s (%s), the pool file in it of %s (%s)", h.Pool, h.Product, p.Name, p.Product)
	}
	p.Backup, p.Domains, p.Servers = h.Backup, nil, nil
	for i, d := range h.Domains {
		var set pool.Set
		for _, name := range d.Servers {
			if _, twice := p.Server(name); twice || len(p.Servers) >= pool.MaxServers {
				return nil, fmt.Errorf("the topology in the journal names %s twice, or too many servers", name)
			}
			set = set.Add(len(p.Servers))
			p.Servers = append(p.Servers, pool.Server{Name: name, Domain: i})
		}
		p.Domains = append(p.Domains, pool.Domain{Name: d.Name, Servers: set})
	}
	if len(p.Servers) < 2 {
		return nil, errors.New("the topology in the journal has fewer than two servers")
	}
	return p, nil
}

// JournalError is damage found in a journal, or a difference between it and what the machine does.
type JournalError struct {
	File string
	Line int // from 1
	What string
}

func (e *JournalError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.What) }

// Journal is a journal that was read and whose checksums are right.
type Journal struct {
	Header    Header // with the texts of the latest amend
	Sessions  []Session
	Abandoned *Session
	Whole     int64  // bytes that are whole lines; what follows them is torn
	Torn      string // what was dropped behind them, in words; empty where nothing was

	// Seen is called, where it is set, with each Output as [Journal.Replay] follows the run.
	Seen func(*Output)

	file  string
	lines []journalLine // the records, in order
	sum   string        // of the last line
}

// journalLine is a record as it stands in the file, without its sum.
type journalLine struct {
	no    int
	event string
	body  []byte // opening brace included, closing brace and sum left out
}

// Records is the number of the machine's records in the journal.
func (j *Journal) Records() int { return len(j.lines) }

// Finished reports whether the last record is the run's end, and with which outcome.
func (j *Journal) Finished() (outcome string, ok bool) {
	if len(j.lines) == 0 {
		return "", false
	}
	last := &j.lines[len(j.lines)-1]
	if last.event != RecFinish.String() {
		return "", false
	}
	var f struct {
		Outcome string `json:"outcome"`
	}
	if json.Unmarshal(closed(last.body), &f) != nil {
		return "", false
	}
	return f.Outcome, true
}

func closed(body []byte) []byte { return append(bytes.Clone(body), '}') }

const (
	sumKey  = `,"sum":"`
	sumSize = 16 // hex digits
	sumTail = len(sumKey) + sumSize + len(`"}`)
	// maxJournalLine bounds a line: the header holds whole files.
	maxJournalLine = 64 << 20
)

// sumOf is the checksum of a line that comes after one whose sum is prev.
func sumOf(prev string, body []byte) string {
	h := sha256.New()
	h.Write([]byte(prev))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil)[:sumSize/2])
}

// seal appends a line: body is an object without its closing brace. It returns the line's sum as well.
func seal(dst []byte, prev string, body []byte) (line []byte, sum string) {
	sum = sumOf(prev, body)
	dst = append(dst, body...)
	dst = append(dst, sumKey...)
	dst = append(dst, sum...)
	return append(dst, "\"}\n"...), sum
}

// sealValue seals a line that is not a record.
func sealValue(dst []byte, prev string, v any) (line []byte, sum string, err error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return dst, prev, err
	}
	line, sum = seal(dst, prev, bytes.TrimSuffix(b.Bytes(), []byte("}\n")))
	return line, sum, nil
}

// Line is the header as line 1 of a journal, with its line end.
func (h *Header) Line() ([]byte, error) {
	for _, t := range append([]SourceText{h.Runbook, h.PoolFile}, h.Includes...) {
		if !utf8.ValidString(t.Text) || !utf8.ValidString(t.Name) {
			return nil, fmt.Errorf("%q is not UTF-8 and cannot be kept in a journal", t.Name)
		}
	}
	line, _, err := sealValue(nil, "", h)
	return line, err
}

// DecodeJournal reads a journal and verifies every line. A torn last line, what a crash in the middle of a write
// leaves, is dropped and told in Torn. Any other damage is a [*JournalError]; file is what it names.
func DecodeJournal(file string, data []byte) (*Journal, error) {
	j := &Journal{file: file}
	for no := 1; len(data) > 0; no++ {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			if no > 1 {
				j.Torn = fmt.Sprintf("line %d was torn off while it was written (%d bytes); what it began to tell was not acted upon", no, len(data))
			}
			break
		}
		if err := j.line(no, data[:end]); err != nil {
			return nil, err
		}
		data = data[end+1:]
		j.Whole += int64(end) + 1
	}
	if j.Whole == 0 {
		return nil, j.fault(1, "the journal has no whole first line: it was cut off, and nothing can be told from it")
	}
	return j, nil
}

func (j *Journal) fault(no int, format string, args ...any) error {
	return &JournalError{j.file, no, fmt.Sprintf(format, args...)}
}

// line takes in one line, without its line end.
func (j *Journal) line(no int, line []byte) error {
	if len(line) > maxJournalLine {
		return j.fault(no, "a line of %d bytes is no journal line", len(line))
	}
	var head struct {
		Seq    int64  `json:"seq"`
		Event  string `json:"event"`
		Format int    `json:"format"`
		Lrun   string `json:"lrun"`
	}
	if err := json.Unmarshal(line, &head); err != nil {
		return j.fault(no, "not a journal line: %v", err)
	}
	if no == 1 {
		switch {
		case head.Event != lineHeader:
			return j.fault(1, "not the header of a journal: the first line is missing, or the file is something else")
		case head.Format != JournalFormat:
			return j.fault(1, "written in journal format %d by lrun %s; this lrun reads format %d only", head.Format, head.Lrun, JournalFormat)
		}
	}
	body, sum, ok := cutSum(line)
	if !ok {
		return j.fault(no, "the line does not end in its checksum: it was changed or cut")
	}
	kind, isRecord := recordKindOf(head.Event)
	if want := int64(len(j.lines) + 1); isRecord && head.Seq != want {
		return j.fault(no, "record %d stands where record %d should: lines are missing or in another order", head.Seq, want)
	}
	if sumOf(j.sum, body) != sum {
		return j.fault(no, "the checksum does not match: this line was changed, or one before it is missing")
	}
	j.sum = sum
	if j.Abandoned != nil {
		return j.fault(no, "a line after the run was abandoned")
	}
	if isRecord {
		j.lines = append(j.lines, journalLine{no, kind.String(), body})
		return nil
	}
	return j.otherLine(no, head.Event, body)
}

// cutSum takes the sum off the end of a line.
func cutSum(line []byte) (body []byte, sum string, ok bool) {
	at := len(line) - sumTail
	if at < 1 || line[0] != '{' || !bytes.HasPrefix(line[at:], []byte(sumKey)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return nil, "", false
	}
	return line[:at], string(line[at+len(sumKey) : len(line)-2]), true
}

// otherLine takes in a line that is not a record.
func (j *Journal) otherLine(no int, event string, body []byte) error {
	switch event {
	case lineHeader:
		if no > 1 {
			return j.fault(no, "a second header: two journals were put together")
		}
		return j.decode(no, body, &j.Header)
	case lineSession, lineAbandon:
		var s Session
		if err := j.decode(no, body, &s); err != nil {
			return err
		}
		if event == lineAbandon {
			j.Abandoned = &s
		} else {
			j.Sessions = append(j.Sessions, s)
		}
		return nil
	case lineAmend:
		var a amendment
		if err := j.decode(no, body, &a); err != nil {
			return err
		}
		j.Header.Set, j.Header.Runbook, j.Header.Includes = a.Set, a.Runbook, a.Includes
		j.Sessions = append(j.Sessions, a.Session)
		return nil
	}
	return j.fault(no, "unknown event %q: written by another version of lrun, or by hand", event)
}

func (j *Journal) decode(no int, body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(closed(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return j.fault(no, "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func recordKindOf(event string) (RecordKind, bool) {
	for k, name := range recordNames {
		if name == event {
			return RecordKind(k), true
		}
	}
	return 0, false
}
