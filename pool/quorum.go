package pool

// functionalRow is a row of the vendor's table of servers that must run for a
// pool to be functional: any Need of the first Of.
type functionalRow struct{ Need, Of int }

// functional is "Planning for the management of Front End pools" of Lync
// Server 2013 and Skype for Business Server 2015, by the size of the pool. The
// published figures follow no formula (85 % is often quoted, and wrong), so
// they are kept as figures. Row 1 is absent: a pool here has two servers or
// more.
var functional = [MaxServers + 1]functionalRow{
	2:  {1, 2},
	3:  {2, 3},
	4:  {2, 4},
	5:  {3, 5},
	6:  {3, 6},
	7:  {4, 7},
	8:  {4, 7},
	9:  {4, 7},
	10: {5, 9},
	11: {5, 9},
	12: {5, 9},
	13: {7, 12},
	14: {7, 12},
	15: {7, 12},
	16: {7, 12},
}

// functional2019At12 is where the tables of 2015 and 2019 differ: the row
// "12 to 16" of 2019 begins at a size that 2015 has too.
var functional2019At12 = functionalRow{7, 12}

// startQuorum is the number of servers that must run before the pool starts,
// by the size of the pool, from the same pages. No source gives a figure for
// 13, 14 and 15 servers; they take the figure of 16, which is the highest that
// could be meant and so asks for more servers rather than fewer.
var startQuorum = [MaxServers + 1]int{
	2:  1,
	3:  3,
	4:  3,
	5:  4,
	6:  5,
	7:  5,
	8:  6,
	9:  7,
	10: 8,
	11: 9,
	12: 10,
	13: 12,
	14: 12,
	15: 12,
	16: 12,
}

// QuorumRule says what the pool needs to stay functional: any need of the
// first of servers in topology order. sql tells whether the primary database
// of the back end gives its vote.
//
// The published figures assume that it does. It counts in pools of an even
// number of servers up to six, where every server has a vote and the database
// makes the number odd; without it those pools need one server more. Larger
// pools have an odd number of voters (7 or 9), or a majority of them (7 of 12)
// among the servers alone.
func (p *Pool) QuorumRule(sql bool) (need, of int) {
	n := len(p.Servers)
	if n < 1 || n > MaxServers {
		return 1, 0 // No such pool: a need that no set of servers meets.
	}
	row := functional[n]
	if n == 12 && p.Product.MaxServers() > 12 {
		row = functional2019At12
	}
	if !sql && n <= 6 && n%2 == 0 {
		row.Need++
	}
	return row.Need, row.Of
}

// Seeds is the set of servers whose votes count for the pool's quorum: the
// first ones in topology order.
func (p *Pool) Seeds() Set {
	_, of := p.QuorumRule(true)
	return FirstN(of)
}

// Quorum reports whether the pool is functional with just these servers
// running. sql tells whether the primary database gives its vote; say false
// where that is not known.
func (p *Pool) Quorum(running Set, sql bool) bool {
	need, of := p.QuorumRule(sql)
	return running.Intersect(FirstN(of)).Len() >= need
}

// StartQuorum is the number of servers that must run before the pool starts,
// which is more than it needs to go on running.
func (p *Pool) StartQuorum() int {
	if n := len(p.Servers); n <= MaxServers {
		return startQuorum[n]
	}
	return MaxServers
}
