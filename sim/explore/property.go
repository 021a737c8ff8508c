package explore

import (
	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Property is something that must hold of every outcome. All are always on.
type Property uint8

// The properties.
const (
	Holds         Property = iota // none is violated
	OneDomain                     // lrun takes servers of at most one domain down at once
	Service                       // lrun leaves no routing group without service
	Quorum                        // the pool keeps its quorum
	GuardReading                  // the runbook itself makes sure of a reading: the interlock need not refuse
	GuardVerified                 // … that what was taken down is verified
	GuardQuorum                   // … that the quorum is kept
	UpgradeOnce                   // each upgrade step comes to its end at most once a server
	StoppedFirst                  // the installer runs only on servers whose services are stopped
	HandsOff                      // nothing is done to a server on which an upgrade, a run or a failover is going
	DownNamed                     // no server is left stopped without the summary naming it
	FailedBack                    // a failed-over pool is failed back, or the end says that it is not
	RunEnds                       // the run ends
	ResumeSame                    // a crash and a resume reach nothing that the uncrashed run could not
	CanComplete                   // the run can complete
	UserProperty                  // one of the user's own
	properties
)

var propertyNames = [properties]string{
	Holds: "", OneDomain: "one-domain", Service: "service", Quorum: "quorum", GuardReading: "guard-reading",
	GuardVerified: "guard-verified", GuardQuorum: "guard-quorum", UpgradeOnce: "upgrade-once", StoppedFirst: "stopped-first", HandsOff: "hands-off",
	DownNamed: "down-named", FailedBack: "failed-back", RunEnds: "run-ends", ResumeSame: "resume-same",
	CanComplete: "can-complete", UserProperty: "user",
}

func (p Property) String() string { return propertyNames[p] }

var propertyTexts = [properties]string{
	OneDomain:     "lrun takes servers of two domains down at once",
	Service:       "lrun takes a domain down while the replicas of another one are still being built: routing groups are without service",
	Quorum:        "the pool loses its quorum",
	GuardReading:  "only the interlock keeps servers from being stopped on a pool that is not Ready: the runbook has no guard for it",
	GuardVerified: "only the interlock keeps the next servers from being stopped while the last ones are not verified",
	GuardQuorum:   "only the interlock keeps the pool from losing its quorum",
	UpgradeOnce:   "an upgrade that is done is begun again on the same server",
	StoppedFirst:  "the installer runs on a server whose services have not been stopped",
	HandsOff:      "something is done to a server on which an upgrade, a run or a failover is still going",
	DownNamed:     "a server is left out of service, and the summary does not name it",
	FailedBack:    "the pool is left failed over, and the end does not say so or says completed",
	RunEnds:       "the run does not end",
	ResumeSame:    "a crash and a resume lead to an end that the run alone could not reach",
	CanComplete:   "the run cannot complete, even when nothing goes wrong",
}

// Text is the violation in words.
func (p Property) Text() string { return propertyTexts[p] }

// breaks notes the first property that a world breaks.
func (w *world) breaks(p Property) {
	if w.broken == Holds {
		w.broken = p
	}
}

// checkStart judges the beginning of an action, before it changes the world.
func (x *model) checkStart(w *world, e *interp.Effect, s *slot) {
	switch {
	case e.Action == interp.Look || e.Attach:
		return
	case e.Server < 0:
		if (e.Action == interp.Failover || e.Action == interp.Failback) && w.poolUnsure() {
			w.breaks(HandsOff)
		}
		return
	}
	if s.limbo != sure && s.lost.Lasting() || e.Action.OutOfService() && w.poolGoing() {
		w.breaks(HandsOff)
	}
	if e.Action != interp.Upgrade {
		return
	}
	if w.installed[x.prog.At(e.ID.PC).Upgrade].Has(int(e.Server)) {
		w.breaks(UpgradeOnce)
	}
	if !w.stopped.Has(int(e.Server)) && !w.dead.Has(int(e.Server)) {
		w.breaks(StoppedFirst)
	}
}

// poolGoing reports whether a failover or failback of the pool may be going with nobody waiting for it.
func (w *world) poolGoing() bool {
	s := w.poolInLimbo()
	return s != nil && s.limbo == begun && s.action == interp.NoAction
}

// checkState judges a world after a step of the machine. After a failover nobody is left to protect.
func (x *model) checkState(w *world) {
	if w.state == interp.FailedOver {
		return
	}
	if !x.quorum(w.running()) {
		w.breaks(Quorum)
	}
	out := (w.out | w.sick) &^ w.dead
	if x.domainsOf(out).Len() > 1 {
		w.breaks(OneDomain)
	}
	if out != 0 && !x.keepsGroups(x.all, out) {
		w.breaks(Service)
	}
	if out != 0 && w.settling() && x.domainsOf(out)&x.domainsOf(w.fresh) != x.domainsOf(w.fresh) {
		w.breaks(Service)
	}
}

// domainsOf is the set of domains that a set of servers lies in.
func (x *model) domainsOf(servers pool.Set) pool.Set {
	return x.domainIn[0][servers&0xff] | x.domainIn[1][servers>>8]
}

// checkVerdict judges a word of the interlock: a refusal without a fault since the guard last passed means that the
// runbook relies on it.
func (x *model) checkVerdict(w *world, why interp.Reason) {
	var guard uint8
	var broken Property
	switch why {
	case interp.NoReason:
		w.guards = 0
		return
	case interp.InterlockUnverified:
		guard, broken = guardVerified, GuardVerified
	case interp.InterlockQuorum:
		guard, broken = guardQuorum, GuardQuorum
	default:
		guard, broken = guardReading, GuardReading
	}
	if w.guards&guard == 0 {
		w.breaks(broken)
	}
}

// checkEnd judges the end of a run.
func (x *model) checkEnd(w *world, m *interp.Machine) {
	left := w.out &^ w.up &^ w.dead // not those whose services stopped when the pool lost its quorum
	if left&^m.Down() != 0 {
		w.breaks(DownNamed)
	}
	over := w.state == interp.FailedOver
	if e, _ := m.Ending(); over && e == interp.Completed || over != m.FailedOver() && !w.poolUnsure() {
		w.breaks(FailedBack)
	}
}

// poolUnsure reports whether nobody knows if the pool is failed over: the run then ends in doubt and says so.
func (w *world) poolUnsure() bool { return w.poolInLimbo() != nil }
