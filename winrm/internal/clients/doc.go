// Package clients holds no code: its tests let WinRM clients that are not ours loose on a served pool, as its admins
// would. They are skipped where a client is not installed.
package clients
