package explore

import (
	"fmt"
	"slices"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// differs tells in what the simulated night does not show the violation: it goes another way, or it goes the same way and
// breaks nothing. It is "" where it shows it.
func (w *writer) differs(a *Answer, n *simulated) string {
	other := w.otherWay(n)
	why, atTheEnd := a.notShown(n)
	if why == "" && atTheEnd && w.sameEnd(n) {
		return "" // on whichever way
	}
	if other != "" {
		return other
	}
	return why
}

// notShown tells why a simulated night does not break the property, as far as such a night tells; atTheEnd says that it
// tells by itself, whichever way it goes to its end.
func (a *Answer) notShown(n *simulated) (why string, atTheEnd bool) {
	switch a.Property {
	case Quorum:
		return unless(slices.Contains(n.facts, interp.QuorumLost), "the simulated pool keeps its quorum"), true
	case Service:
		return unless(slices.Contains(n.facts, interp.ServiceLost), "in the simulated pool the replicas lie where it does no harm"), true
	case GuardReading:
		return unless(n.refused(interp.InterlockBusy, interp.InterlockInsuff, interp.InterlockDomain, interp.InterlockRead), "the simulated interlock does not refuse"), true
	case GuardVerified:
		return unless(n.refused(interp.InterlockUnverified), "the simulated interlock does not refuse"), true
	case GuardQuorum:
		return unless(n.refused(interp.InterlockQuorum), "the simulated interlock does not refuse"), true
	case CanComplete:
		return unless(n.result.Ending != interp.Completed, "the simulated night is completed"), true
	case FailedBack:
		return unless(n.result.FailedOver, "the simulated pool is failed back"), true
	case ResumeSame:
		return "", true
	case UserProperty:
		return a.Prop.notShown(n), true
	}
	return "", false // a night of package sim does not tell: it has to go the same way
}

// notShown tells why a simulated night does not break a property of the user's own.
func (p *Prop) notShown(n *simulated) string {
	r := &n.result
	is, text := false, "the simulated night does not do that"
	switch p.subject {
	case usersCutOff:
		is, text = p.op.holds(int64(n.stats.SessionsCut), p.value), fmt.Sprintf("the simulated night cuts %d off", n.stats.SessionsCut)
	case serversLeft:
		left := len(r.Remaining) + len(r.Skipped)
		is, text = p.op.holds(int64(left), p.value), fmt.Sprintf("the simulated night leaves %d", left)
	case elapsed:
		is, text = p.op.holds(r.Elapsed.Milliseconds(), p.value), "the simulated night takes "+brief(r.Elapsed)
	case serversDown:
		return "" // that follows from the way it goes
	case failedOver:
		is = n.stats.Failovers > 0 || r.FailedOver
	default:
		is = r.Ending == subjectEndings[p.subject]
	}
	return unless(p.mode == sometimes || is != (p.mode == always), text)
}

func unless(shown bool, why string) string {
	if shown {
		return ""
	}
	return why
}

// refused reports whether the interlock refused for one of these reasons.
func (n *simulated) refused(reasons ...interp.Reason) bool {
	return slices.ContainsFunc(n.records, func(r interp.Record) bool {
		return r.Kind == interp.RecLeave && slices.Contains(reasons, r.Reason)
	})
}

// otherWay tells where the simulated night goes another way than the trace; "" where it does not, as far as the trace goes.
func (w *writer) otherWay(n *simulated) string {
	i := 0
	for k := range w.trace.Lines {
		r := w.trace.Lines[k].Record
		if r == nil || !told(r) {
			continue
		}
		if i >= len(n.records) || keyOf(&n.records[i]) != keyOf(r) {
			return "the simulated night goes another way"
		}
		i++
	}
	return ""
}

// sameEnd reports whether the simulated night comes to the end that the trace comes to.
func (w *writer) sameEnd(n *simulated) bool {
	finished := slices.ContainsFunc(w.trace.Lines, func(l TraceLine) bool {
		return l.Record != nil && l.Record.Kind == interp.RecFinish
	})
	t := &w.trace.Result
	return finished && t.Ending == n.result.Ending && t.FailedOver == n.result.FailedOver &&
		slices.Equal(t.Down, n.result.Down) && slices.Equal(t.Remaining, n.result.Remaining) && slices.Equal(t.Skipped, n.result.Skipped)
}

// pin makes an action take as long as it takes in the trace, for what is said of the time elapsed.
func (w *writer) pin(m *move) {
	on, ok := onAction[m.slot.action]
	takes := (m.slot.end - m.slot.began).Truncate(time.Second)
	if !ok || on == pool.OnVerify || takes <= 0 {
		return
	}
	f := pool.Fault{
		Kind: pool.FaultAction, Server: m.slot.server(), Domain: -1, Action: on, Effect: pool.IsTakes, Takes: takes, Drain: true, Hard: true,
	}
	if on == pool.OnNotify {
		f.Server = -1
	}
	if on == pool.OnStop {
		f.Drain = w.prog.At(m.slot.id.PC).Graceful
		f.Hard = !f.Drain
	}
	if !slices.Contains(w.faults, f) {
		w.add(f)
	}
}
