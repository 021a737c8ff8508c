// Package sim is the modelled pool: an [interp.World] on a virtual clock, in
// which a runbook can be rehearsed in less than a millisecond.
//
// # What it models
//
// Per server: power, the Lync services and their start type, the sessions that
// drain away, the installed build, a pending reboot, its upgrade domain and
// whether it is one of the seeds whose vote counts. Per pool: the routing
// groups with their replicas, the witness vote of the SQL primary, the place of
// the Central Management Store, the pairing, the backup services of both pools
// and where the users are served. What the readiness cmdlet says is not drawn:
// it follows from that state, and a scenario may bend it.
//
//   - A server is active while its services run. It keeps its vote and its
//     replicas while it drains.
//   - Fewer active servers than the pool needs: the pool loses its quorum and
//     the services of the survivors stop. It starts again when as many servers
//     as the vendor's start table asks for wait in Starting.
//   - A routing group with two of its three replicas lost is without service.
//   - Whenever the set of active servers changes, replicas are rebuilt for the
//     settle time; the pool then reads Busy.
//   - A domain's flag is True while stopping all its servers would keep the
//     pool's quorum and two of three replicas of every group. The pool is
//     Insufficient when no domain with active servers could be lost.
//
// # Law
//
// Same program, scenario and choices: same events, byte for byte, on every
// platform. Time is in integer milliseconds, no floating point and no map
// decides anything, and the only source of chance is a [Chooser].
//
// All that changes is in [State], a flat value without pointers: a copy of it
// is a fork of the night. Only events that mean something reach the machine;
// drains, starts and polls are computed in closed form.
//
// The package imports interp, lang and pool. The command and the explorer
// import it.
package sim
