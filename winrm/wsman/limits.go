package wsman

import "time"

// Limits bound what one host keeps and accepts. A zero field means the default of [DefaultLimits]; there is no way
// to say "unlimited".
type Limits struct {
	MaxEnvelope          int           // bytes of a request or an answer (MaxEnvelopeSizekb)
	MaxShellsPerUser     int           // shells of one user at one time
	MaxProcessesPerShell int           // running commands of one shell
	MaxOperationsPerUser int           // messages of one user being answered at one time
	MaxConnections       int           // open connections; the next one waits in the listen queue
	MaxCommandLine       int           // UTF-16 units of the command line, as cmd.exe counts them
	MaxTimeout           time.Duration // the longest a Receive is held (MaxTimeoutms)
	IdleTimeout          time.Duration // a shell unused for this long is deleted, unless it asked for another time
	MaxOutput            int           // bytes of output kept for a command before its Write waits
	MaxInput             int           // bytes of input kept for a command before a Send waits
}

// DefaultLimits are the documented defaults of WinRM 3.0, with an idle time of 2 hours as newer servers have it.
func DefaultLimits() Limits {
	return Limits{
		MaxEnvelope:          500 << 10,
		MaxShellsPerUser:     30,
		MaxProcessesPerShell: 25,
		MaxOperationsPerUser: 1500,
		MaxConnections:       300,
		MaxCommandLine:       8191,
		MaxTimeout:           60 * time.Second,
		IdleTimeout:          2 * time.Hour,
		MaxOutput:            1 << 20,
		MaxInput:             4 << 20,
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	pick := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	pick(&l.MaxEnvelope, d.MaxEnvelope)
	pick(&l.MaxShellsPerUser, d.MaxShellsPerUser)
	pick(&l.MaxProcessesPerShell, d.MaxProcessesPerShell)
	pick(&l.MaxOperationsPerUser, d.MaxOperationsPerUser)
	pick(&l.MaxConnections, d.MaxConnections)
	pick(&l.MaxCommandLine, d.MaxCommandLine)
	pick(&l.MaxOutput, d.MaxOutput)
	pick(&l.MaxInput, d.MaxInput)
	if l.MaxTimeout <= 0 {
		l.MaxTimeout = d.MaxTimeout
	}
	if l.IdleTimeout <= 0 {
		l.IdleTimeout = d.IdleTimeout
	}
	// An answer needs room for its own headers, whatever was configured.
	l.MaxEnvelope = max(l.MaxEnvelope, 8<<10)
	return l
}
