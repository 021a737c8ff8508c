package winrm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lrun/lrun/winrm/scripts"
)

// A mark is a small file on every front end of the pool and of its paired pool, renewed while the run lives. It is how a
// run on one host finds a run on another, and how both pools of a pair are kept from being updated at once. Ages are
// measured by each server's own clock, so that clocks which differ do no harm.
const (
	markLives = 10 * time.Minute // without being renewed
	markEvery = 2 * time.Minute  // how often it is renewed
)

// HeldError is a run of somebody else that lives.
type HeldError struct {
	Server string        // where its mark was found
	Run    string        // its id
	Owner  string        // who, and where
	Age    time.Duration // since its mark was renewed
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("another run is under way: %s by %s has a mark on %s, renewed %s ago", e.Run, e.Owner, e.Server, e.Age)
}

// Marks are the marks of one run. They are safe for concurrent use.
type Marks struct {
	s          *Servers
	run, owner string
	cancel     context.CancelFunc
	renewing   sync.WaitGroup

	servers []string    // that bear it
	tell    func(error) // of a mark that is lost

	mu     sync.Mutex
	silent map[string]string // servers without our mark, and why
	kept   time.Time         // on the wall, when it was renewed everywhere that answers
	lost   error             // somebody else's mark is in the place of ours
}

// Mark leaves the marks of a run, and renews them until Release. It fails with a [*HeldError], and takes back what it has
// left, where another run lives. Servers that cannot be reached are told by Silent and are marked once they answer.
// lost is called, once, when somebody else's mark takes the place of ours; it may be nil. No reading is then given any more.
func (s *Servers) Mark(ctx context.Context, run, owner string, lost func(error)) (*Marks, error) {
	m := &Marks{s: s, run: run, owner: owner, tell: lost, silent: map[string]string{}}
	servers := s.pool.Names(s.pool.All())
	if s.pool.Paired() {
		partners, err := s.partners(ctx, s.anyHost())
		if err != nil {
			m.silent[s.pool.Backup] = "its front ends cannot be listed: " + why(err)
		}
		servers = append(servers, partners...)
	}
	began := wallClock()
	if err := m.leave(ctx, servers); err != nil {
		m.takeBack(servers)
		return nil, err
	}
	m.servers, m.kept = servers, began
	s.mu.Lock()
	s.marks = m
	s.mu.Unlock()
	var renew context.Context
	renew, m.cancel = context.WithCancel(context.Background())
	m.renewing.Go(func() {
		for sleepWall(renew, markEvery) {
			m.renew(renew)
		}
	})
	return m, nil
}

// anyHost lists where pool-wide questions can be put when nothing is known of the servers yet.
func (s *Servers) anyHost() []string {
	if s.pool.Connect.Via != "" {
		return []string{s.pool.Connect.Via}
	}
	return s.pool.Names(s.pool.All())
}

// leave marks the servers: one first, so that of two runs that begin at once one is first, and then the others at once.
func (m *Marks) leave(ctx context.Context, servers []string) error {
	first := 0
	for ; first < len(servers); first++ {
		err := m.write(ctx, servers[first])
		var held *HeldError
		if errors.As(err, &held) || loginRefused(err) || ctx.Err() != nil {
			return err
		}
		if err == nil {
			break
		}
	}
	if first == len(servers) {
		return fmt.Errorf("no server could be marked: %s", m.firstReason())
	}
	return m.writeAll(ctx, servers[first+1:])
}

func (m *Marks) firstReason() string {
	for _, s := range m.Silent() {
		return s
	}
	return "there are none"
}

// writeAll marks servers side by side; the error is that of a run that lives.
func (m *Marks) writeAll(ctx context.Context, servers []string) error {
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() { errs[i] = m.write(ctx, server) })
	}
	all.Wait()
	for _, err := range errs {
		var held *HeldError
		if errors.As(err, &held) {
			return err
		}
	}
	return ctx.Err()
}

// write leaves or renews the mark on one server.
func (m *Marks) write(ctx context.Context, server string) error {
	var r scripts.MarkResult
	err := m.s.reread(ctx, server, scripts.Mark, m.args("write"), &r)
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil {
		m.silent[server] = why(err)
		return err
	}
	delete(m.silent, server)
	if r.Held {
		return &HeldError{Server: server, Run: clean(r.Run), Owner: clean(r.Owner), Age: time.Duration(r.Age) * time.Second}
	}
	return nil
}

func (m *Marks) args(op string) scripts.MarkArgs {
	return scripts.MarkArgs{Op: op, Run: m.run, Owner: m.owner, TTL: int(markLives / time.Second)}
}

// wallClock is the time on the wall, which goes on while this machine sleeps.
func wallClock() time.Time { return time.Now().Round(0) }

// renew writes the mark again, and tells, once, where somebody else's is in its place.
func (m *Marks) renew(ctx context.Context) {
	began := wallClock()
	err := m.writeAll(ctx, m.servers)
	var held *HeldError
	m.mu.Lock()
	tell := m.tell
	switch {
	case err == nil:
		m.kept = began
		tell = nil
	case errors.As(err, &held) && m.lost == nil:
		m.lost = err
	default:
		tell = nil
	}
	m.mu.Unlock()
	if tell != nil {
		tell(err)
	}
}

// stillOurs is asked before a turn is decided on. A machine that slept, or was cut off, for longer than a mark lives finds
// out first whether another run has begun by the rules meanwhile. Without marks, as in a rehearsal of one part, all is ours.
func (s *Servers) stillOurs(ctx context.Context) error {
	s.mu.Lock()
	m := s.marks
	s.mu.Unlock()
	if m == nil {
		return nil
	}
	m.mu.Lock()
	lost, age := m.lost, wallClock().Sub(m.kept)
	m.mu.Unlock()
	if lost == nil && age.Abs() > markLives/2 {
		m.renew(ctx)
		m.mu.Lock()
		lost = m.lost
		m.mu.Unlock()
	}
	return lost
}

// Silent lists the servers that do not bear the mark because they did not answer, with the reason, in order of name.
func (m *Marks) Silent() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []string
	for _, server := range sortedKeys(m.silent) {
		list = append(list, server+": "+m.silent[server])
	}
	return list
}

// Release takes the marks away and ends their renewal. A mark that stays behind dies by itself.
func (m *Marks) Release(ctx context.Context) error {
	m.cancel()
	m.renewing.Wait()
	m.s.mu.Lock()
	if m.s.marks == m {
		m.s.marks = nil
	}
	m.s.mu.Unlock()
	servers := m.s.pool.Names(m.s.pool.All())
	m.s.mu.Lock()
	servers = append(servers, m.s.partner...)
	m.s.mu.Unlock()
	return m.remove(ctx, servers)
}

// takeBack removes what a Mark that failed has left.
func (m *Marks) takeBack(servers []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_ = m.remove(ctx, servers) // a mark that stays behind dies by itself
}

func (m *Marks) remove(ctx context.Context, servers []string) error {
	errs := make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() {
			var r scripts.MarkResult
			if err := m.s.reread(ctx, server, scripts.Mark, m.args("remove"), &r); err != nil {
				errs[i] = fmt.Errorf("the mark on %s stays behind and dies by itself: %s", server, why(err))
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// marked reports whether the mark of a run lies on a server: it was left or renewed there not long ago, and has not been
// lost since.
func (s *Servers) marked(server, run string) bool {
	s.mu.Lock()
	m := s.marks
	s.mu.Unlock()
	if m == nil || !strings.EqualFold(m.run, run) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, silent := m.silent[server]
	return slices.Contains(m.servers, server) && !silent && m.lost == nil && wallClock().Sub(m.kept).Abs() < markEvery
}

// foreignMark finds the living mark of another run on a server; run is the id of our own, "" where there is none.
func (s *Servers) foreignMark(ctx context.Context, server, run string) (*HeldError, error) {
	if s.marked(server, run) {
		return nil, nil // nobody else's can lie where ours does
	}
	var r scripts.MarkResult
	args := scripts.MarkArgs{Op: "read", Run: run, TTL: int(markLives / time.Second)}
	if err := s.reread(ctx, server, scripts.Mark, args, &r); err != nil {
		return nil, err
	}
	if !r.Held || strings.EqualFold(r.Run, run) {
		return nil, nil
	}
	return &HeldError{Server: server, Run: clean(r.Run), Owner: clean(r.Owner), Age: time.Duration(r.Age) * time.Second}, nil
}
