// Package runstore keeps the runs of this machine: one folder a run under the state folder, with the run's journal in it.
//
//	STATE/20261123-2200-pool01-a3f/journal.jsonl   the journal (package interp says what its lines are)
//	STATE/20261123-2200-pool01-a3f/pause           somebody asks the run to pause
//	STATE/20261123-2200-pool01-a3f/abandoned       given up while its journal could not be read
//	STATE/.locks/pool01.contoso.com.lock           held by the process that works on the pool
//	STATE/.locks/pool01.contoso.com.holder         who that is, for others to read
//
// Three laws hold. A journal appears whole, with its first line, or not at all. What Append has taken is on the disk
// when it returns; after an Append that failed nothing more is taken, and what it may have left is cut off again. And a
// pool has one run at a time: a second operator is refused, and so is one who works on the paired pool.
//
// Whoever executes a runbook writes:
//
//	run, err := store.Create(prog, args, set, poolFile)     // or store.Resume(id) and, once all agree, run.GoOn()
//	defer run.Close()
//	run.Journal.Seen = view.Show                            // what is on record is what people see
//	res, err := interp.DriveJournaled(ctx, run.Machine, world, run.Journal, interp.Event{Kind: interp.Began})
//
// and asks run.PauseRequested now and then. A resumed run begins with Event{Kind: Resumed, At: time since
// run.Header.Started}.
//
// The package may use the operating system; it imports interp and pool. cmd imports it.
package runstore
