// Package winrm is the [interp.World] of real servers: it carries out the effects of a run with the PowerShell of package
// scripts, over the sessions of package transport.
//
//	servers, err := winrm.Connect(p, login)        // nothing is sent yet
//	live, err := servers.Discover(ctx)             // what is there, and how it differs from the pool file
//	checks := servers.Preflight(ctx, ...)          // what speaks against the night; reads only
//	world := winrm.NewWorld(servers, winrm.Options{Program: prog, Run: id, Memory: memory, Render: m.Render})
//	interp.DriveJournaled(ctx, m, world, journal, first)
//	world.Close(ctx)
//
// The laws of the package:
//
//   - Nothing is done twice that is not safe to repeat. What lasts is a job with a name made of the run and the effect,
//     so that a second start finds the first; a restart is bound to a nonce that the restart itself erases; asking
//     services to stop or start is safe to repeat.
//   - What a World has to know again after lrun was killed is in its [Memory] before it acts on it: the place of each
//     job, the boot that a restart is proven against, and which services ran by themselves at the first look.
//   - An answer that cannot be understood is never good news. Where nobody knows whether something happened, the outcome
//     is Unknown, and looking settles it; looking changes nothing.
//   - All waits, polls and bounds are in the time of the run, which a rehearsal runs faster. What guards a single
//     call (connecting, an answer that does not come) is in the time of the wall.
//   - A text from a server is one line without control characters, bounded, and never holds a password.
//
// The command imports it. It imports interp and pool.
package winrm
