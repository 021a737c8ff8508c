// Package pool reads the files an administrator writes about a Front End
// pool: the pool file (servers, upgrade domains, pairing, how to connect, how
// long things take), the scenario file (where a rehearsal starts and what goes
// wrong in it) and the test file (rehearsals, and how they have to end). It
// also holds the two quorum tables of the vendor.
//
// The law of this package: what a file does not say plainly is an error with
// file:line:column, never a guess. Keys are a closed set, each error names the
// nearest known key, several errors are reported in one pass, and a file that
// has one yields no pool at all. Decoding is bounded in time and memory by the
// size of the file, which is bounded too; YAML anchors, aliases and tags are
// refused, so a short file stays short.
//
// The values are plain data. Servers and domains are numbers in topology
// order, sets of them are bit sets, texts stay here; that lets a model of the
// pool be a flat value that is copied by assignment.
//
// The package opens no files, reads no clock and draws no random numbers. It
// imports nothing of this module but internal/spell, and every other package
// except lang may import it.
package pool
