package pool

import "time"

// DefaultModel is the model of a pool whose file has no `model:`. Where the
// vendor names a figure it is that one: recovery times of a pool failover and
// failback (30 minutes in 2013, 15 to 20 from 2015 on; up to an hour back for
// 20,000 users), 5 minutes to move the Central Management Store, an hour as
// the limit of a server failover. A reboot of 15 minutes is what practitioners
// report for physical machines. The others are assumptions, and are meant to
// be replaced by what was measured on the pool in question.
func DefaultModel(p Product) Model {
	minutes := func(low, high int) Range {
		return Range{time.Duration(low) * time.Minute, time.Duration(high) * time.Minute}
	}
	m := Model{
		Users:          40000,
		Sessions:       2000,
		Drain:          minutes(5, 40),
		Stop:           minutes(1, 4),
		Start:          minutes(3, 12),
		Upgrade:        minutes(10, 20),
		Reboot:         minutes(5, 15),
		Settle:         minutes(1, 12),
		Verify:         Range{5 * time.Second, 30 * time.Second},
		Failover:       minutes(15, 30),
		Failback:       minutes(20, 60),
		CMS:            minutes(2, 5),
		FailoverServer: minutes(5, 45),
		FailbackServer: minutes(5, 20),
		Run:            Range{5 * time.Second, 2 * time.Minute},
		Notify:         Range{time.Second, 3 * time.Second},
		Confirm:        minutes(1, 10),
	}
	if p >= SfB2015 {
		m.Failover = minutes(10, 20)
	}
	return m
}
