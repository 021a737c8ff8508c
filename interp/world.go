package interp

import "context"

// World is whatever carries effects out: the modelled pool, the real servers, a replayed journal. Its contract:
//
//   - Start takes effects in their order and does not block. A failure to start is an outcome, told by Next.
//   - Next returns what happened next: the end of an effect that was started, or a Fact, a Progress, a Pause, an
//     Interrupt. Times never go back. Every effect ends exactly once, a Wait or Sleep included.
//   - An effect with a bound (Within > 0) ends when the bound passes at the latest, with Bound set. For an action that
//     may still be going ([Action.Lasting]) the outcome is then Unknown; the machine looks, and decides.
//   - A Read tells the readiness and the survey of one moment, taken on a running front end of the pool outside the
//     effect's Domain. A front end that does not answer is passed over for another one within the same Read.
//   - A Read with a bound that passes ends Done with Reading.State Unanswered.
//   - A second action on a server supersedes a drain that is still going there.
//   - A Look answers Done, Failed, NotBegun, Going or CannotTell for the effect Ref, and changes nothing.
//   - A Failover or Failback checks its conditions before it acts, and ends Failed with the reason in words.
type World interface {
	Start([]Effect)
	Next(context.Context) (Event, error)
}

// Drive runs the machine against the world to its end. An error comes from the world's Next (a cancelled context, a
// journal that cannot be written) and leaves the machine as it is: a run that is broken off, not one that ended.
func Drive(ctx context.Context, m *Machine, w World) (Result, error) {
	ev := Event{Kind: Began}
	for {
		w.Start(m.Step(ev).Effects)
		if res, done := m.Result(); done {
			return res, nil
		}
		var err error
		if ev, err = w.Next(ctx); err != nil {
			return Result{}, err
		}
	}
}
