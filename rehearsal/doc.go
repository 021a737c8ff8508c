// Package rehearsal is a modelled pool behind real WinRM endpoints: a night of package sim on the clock of the wall, so
// that `lrun exec`, an admin's own script or any other WinRM client can be rehearsed end to end without a server.
//
//	srv, err := rehearsal.Serve(rehearsal.Options{Pool: p, TimeScale: 600, Listen: "127.0.0.1:0", Password: "..."})
//	defer srv.Close()
//	srv.PoolFile()   // the pool file by which lrun reaches it
//
// Each modelled Front End of the pool and of its paired pool, and the management host where the pool file names one, is
// a host of package wsman with an address of its own. A command line is acted out on the model and never executed:
//
//   - the scripts of package scripts, recognised by their exact text, with jobs that outlive connections, a nonce and a
//     boot time that change at a reboot, and marks;
//   - the cmdlets that a person would type, alone or with `| ConvertTo-Json` behind them;
//   - everything else fails with exit code 1, and says what it did not know.
//
// # The law
//
//   - One second of the wall is TimeScale seconds of the model. What clocks show is the time of the wall: boot times,
//     the age of a mark, the clock of a server.
//   - A server that reboots or dies is gone: its connections are reset and its address refuses new ones.
//   - A cmdlet that needs another machine fails in a network logon, as it does on Windows, and works in a task that has
//     a password or a managed account, or where delegation is set up.
//   - The night begins when the servers listen. It begins anew when the first run leaves its mark, as long as nothing
//     has been changed, and stands still until that run reads the pool's readiness or changes something: a scenario
//     counts from there, however long the person thinks before the run.
//   - The log says what the servers lived through and nothing of what anybody claimed. No password is in it.
//
// The command and the tests of package winrm import it. It imports sim, interp, pool, winrm/wsman and winrm/scripts.
package rehearsal
