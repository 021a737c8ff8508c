package interp

import (
	"fmt"
	"strings"
	"time"

	"github.com/lrun/lrun/pool"
)

// Phrase is a step in words as the runbook says it, without its clauses: "stop graceful", "wait ready".
func (in *Instr) Phrase() string {
	switch in.Action {
	case WaitReady:
		return "wait ready"
	case Hold:
		return "hold ready " + pool.FormatDuration(in.For)
	case Stop:
		if in.Graceful {
			return "stop graceful"
		}
	case Failover:
		if in.Disaster {
			return "failover disaster"
		}
	case Sleep:
		return "sleep " + pool.FormatDuration(in.For)
	}
	return in.Action.String()
}

// reasonWords says why, in the words of an admin; try is the try that it happened in, text what the World said.
func (p *Program) reasonWords(r Reason, in *Instr, try uint16, text string) string {
	w := p.plainReason(r, in, try)
	switch {
	case text == "":
		return w
	case r == ActionFailed || r == TriesUsedUp || r == Refused || w == "":
		if r == TriesUsedUp {
			return w + ", the last: " + text
		}
		return text
	case r == AbortedByRunbook:
		return text
	}
	return w + " (" + text + ")"
}

func (p *Program) plainReason(r Reason, in *Instr, try uint16) string {
	switch r {
	case BoundPassed:
		return "not done within " + boundWords(in)
	case TriesUsedUp:
		return fmt.Sprintf("%d tries failed", try)
	case StillBusy:
		if try > 1 {
			return fmt.Sprintf("the pool read Busy %d times in a row", try)
		}
		return "the pool reads Busy"
	case NotPaired:
		return "pool " + p.Pool.Name + " has no paired pool to fail over to"
	}
	return reasonTexts[r]
}

func boundWords(in *Instr) string {
	if in == nil || in.Within == 0 {
		return "its bound"
	}
	return pool.FormatDuration(in.Within)
}

var reasonTexts = [reasons]string{
	ActionFailed:        "it failed",
	PoolInsufficient:    "the pool reads InsufficientActiveFrontEnds: a front end is missing",
	MixedReadings:       "the tries did not all read Busy, so its `else` is not taken",
	DomainNotReady:      "the pool is Ready, but the domain's own flag is False",
	ReadingGarbled:      "the answer of the readiness cmdlet cannot be understood, so it does not count as Ready",
	ReadingUnread:       "no front end could be asked",
	InterlockBusy:       "the interlock refuses: the pool reads Busy",
	InterlockInsuff:     "the interlock refuses: the pool reads InsufficientActiveFrontEnds",
	InterlockDomain:     "the interlock refuses: the domain's own flag is False",
	InterlockRead:       "the interlock refuses: no reading says Ready",
	InterlockUnverified: "the interlock refuses: a server taken down before is not verified",
	InterlockQuorum:     "the interlock refuses: without these servers the pool would lose its quorum",
	NotInTurn:           "outside the loops this would stop the whole pool, which is allowed only while the pool is failed over",
	AlreadyFailedOver:   "passed: the pool is failed over, there is nobody left to protect",
	AlreadyDone:         "passed: done on this server before",
	NotFailedOver:       "passed: the pool is not failed over",
	AtVersion:           "has the version already",
	BackByRunbook:       "skipped by the runbook, still due",
	NotReached:          "not upgraded and verified (an `else` let the runbook go on), so still due",
	InServiceAgain:      "the server is in service again, though it was stopped: somebody started it; a resume stops it first",
	DoubtBefore:         "passed: nobody knows how the pool action before it ended",
	WindowOver:          "the window is closed",
	StillGoing:          "it is still going although its bound has passed; nothing else touches the server until a person has looked",
	CannotBeTold:        "nobody can tell whether it happened; a person has to look",
	StateBetween:        "the pool is in between: somebody's failover or failback is under way or broke off",
	StateDiffers:        "the pool's failover state is not what this run left: somebody has failed it over or back",
	NeverBegan:          "it was started again three times and never began",
	ServerNotRunning:    "a server that was done does not run any more",
	TurnFailing:         "passed: the run is failing, this turn is only brought to its end",
	AbortedByRunbook:    "aborted by the runbook",
	Refused:             "the answer was no",
	PoolUnread:          "the pool could not be looked at",
	MayHaveHappened:     "it may have happened already, so it is not repeated",
	PausedByOperator:    "paused by the operator",
	StoppedByOperator:   "interrupted by the operator",
}

// Render fills in what is known only as the run goes: the server, its domain, and why the run ends.
func (m *Machine) Render(t *Text, server int8) string {
	if t == nil || m.out.quiet {
		return ""
	}
	var b strings.Builder
	for _, p := range t.Parts {
		b.WriteString(p.Lit)
		switch p.Name {
		case "server":
			if server >= 0 {
				b.WriteString(m.prog.Pool.Servers[server].Name)
			}
		case "domain":
			d := m.domainOf(mainTask)
			if server >= 0 {
				d = int8(m.prog.Pool.Servers[server].Domain)
			}
			if d >= 0 {
				b.WriteString(m.prog.Pool.Domains[d].Name)
			}
		case "reason":
			b.WriteString(m.reasonText())
		}
	}
	return b.String()
}

// reasonText says in a sentence why the run ends: the step, the server and the cause.
func (m *Machine) reasonText() string {
	c := &m.st.cause
	if c.reason == NoReason {
		return ""
	}
	if c.pc < 0 {
		return m.prog.reasonWords(c.reason, nil, 0, m.texts.cause)
	}
	if m.st.ending == Interrupted {
		return reasonTexts[StoppedByOperator] + ", and before that: " + m.causeText()
	}
	return m.causeText()
}

// causeText says what step brought the run to its ending, and why.
func (m *Machine) causeText() string {
	c := &m.st.cause
	in := &m.prog.Instrs[c.pc]
	why := m.prog.reasonWords(c.reason, in, c.try, m.texts.cause)
	if in.Op != OpStep {
		return why
	}
	where := ""
	switch {
	case c.server >= 0:
		s := m.prog.Pool.Servers[c.server]
		where = " on " + s.Name + " (" + m.prog.Pool.Domains[s.Domain].Name + ")"
	default:
		where = " (line " + fmt.Sprint(in.Line) + ")"
	}
	return in.Phrase() + where + ": " + why
}

// clockWords is a time of the run as hours, minutes and seconds since its start.
func clockWords(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%02d:%02d:%02d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60)
}
