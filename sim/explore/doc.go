// Package explore looks at every outcome of a runbook on a pool, not at one rehearsal. It steps the machine of package
// interp against an abstraction of the modelled pool, breadth-first over all choices that the world has: how a reading
// comes out, whether an action ends well, badly or with a broken connection, who dies, where lrun is killed and what the
// person answers. A budget of faults and crashes bounds it. The answer is that all properties hold, with the worst case
// in time, or one of the shortest nights that break one.
//
// # What a state is
//
// A state is the machine's, by its fingerprint, and a world: who runs, who died, what is in flight, what lrun does not
// know. Servers of one domain that are alike in everything are the same whichever is which. Clocks count relative to
// now, so that the same moment of two nights of different length is one state.
//
// # Time
//
// An action takes the longest that its range allows within its bound; that it passes the bound, where the range reaches
// beyond it, is a choice that costs nothing. A reading says Busy for free as long as replicas may be rebuilt, and Ready
// for free as soon as it may. The end of the window goes both ways wherever the machine asks for it. The worst case is
// the longest path through the states; what a person thinks, and the time between a crash and its resume, is not in it.
//
// # What costs a fault
//
// An action that fails, takes three times as long, goes on until its bound passes, or whose connection breaks; services
// that do not come up, from then on for as long as the explorer likes; a readiness cmdlet that says something else than
// the truth, again for as long as it likes; one server that dies and stays dead. A crash of lrun has a budget of its own.
//
// # What is left out
//
// Servers that come back from the dead by themselves, work by hand, the backup service, the CMS and Edge pools (all of
// which show as a failover that fails), the vote of the SQL Server, servers that have the version already, pending
// reboots, and the operator's pause and interrupt.
//
// Beside cmd only tests import the package. Law: for the same program and options the answer is the same, byte for byte,
// on any number of cores. It is the one package of the pure ones that may use goroutines.
package explore
