package wsman

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"
)

// newGUID returns a random GUID in upper case, as Windows writes it.
func newGUID() string {
	var b [16]byte
	// crypto/rand never fails: it stops the program instead.
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%X-%X-%X-%X-%X", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// shell is one remote shell. Its commands live under its context.
type shell struct {
	id     string
	owner  string // the canonical name of its user
	user   string // as given
	scheme string
	env    map[string]string
	dir    string
	page   int
	idle   time.Duration
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer

	mu       sync.Mutex
	active   int // messages being answered
	running  int // programs that have not returned
	commands map[string]*command
}

// enter holds the idle timer while a message of the shell is answered; the returned function releases it. A command
// that runs without anybody asking for its output does not keep the shell: that is what an idle time is for.
func (sh *shell) enter() (leave func()) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.active++
	sh.timer.Stop()
	return func() {
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if sh.active--; sh.active == 0 && sh.ctx.Err() == nil {
			sh.timer.Reset(sh.idle)
		}
	}
}

func (sh *shell) command(id string) *command {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return sh.commands[id]
}

func (sh *shell) forget(id string) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	delete(sh.commands, id)
}

// shells is what a host knows between its start and its end: shells and operations, by user.
type shells struct {
	ctx    context.Context // of the host's boot
	limits Limits

	mu   sync.Mutex
	byID map[string]*shell
	ops  map[string]int // operations in progress by user
}

func newShells(ctx context.Context, limits Limits) *shells {
	return &shells{ctx: ctx, limits: limits, byID: map[string]*shell{}, ops: map[string]int{}}
}

// operate counts an operation of the user; the returned function ends it.
func (t *shells) operate(owner string) (func(), *SOAPFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ops[owner] >= t.limits.MaxOperationsPerUser {
		return nil, FaultTooManyOperations(t.limits.MaxOperationsPerUser)
	}
	t.ops[owner]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.ops[owner]--; t.ops[owner] == 0 {
			delete(t.ops, owner)
		}
	}, nil
}

// add registers a shell unless its user has too many.
func (t *shells) add(sh *shell) *SOAPFault {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := context.Cause(t.ctx); err != nil {
		return FaultGoingDown()
	}
	if t.byID[sh.id] != nil {
		return faultShellExists(sh.id)
	}
	n := 0
	for _, other := range t.byID {
		if other.owner == sh.owner {
			n++
		}
	}
	if n >= t.limits.MaxShellsPerUser {
		return FaultTooManyShells(t.limits.MaxShellsPerUser)
	}
	sh.ctx, sh.cancel = context.WithCancelCause(t.ctx)
	sh.timer = time.AfterFunc(sh.idle, func() { t.expire(sh) })
	t.byID[sh.id] = sh
	return nil
}

// expire deletes a shell whose idle time is over, unless a message came in at the same moment.
func (t *shells) expire(sh *shell) {
	sh.mu.Lock()
	busy := sh.active > 0
	sh.mu.Unlock()
	if !busy {
		t.remove(sh, ErrShellIdle)
	}
}

// find returns a shell of the user.
func (t *shells) find(id, owner string) (*shell, *SOAPFault) {
	t.mu.Lock()
	defer t.mu.Unlock()
	sh := t.byID[id]
	if sh == nil {
		return nil, FaultShellNotFound(printable(id, 80))
	}
	if sh.owner != owner {
		return nil, FaultAccessDenied()
	}
	return sh, nil
}

func (t *shells) remove(sh *shell, cause error) {
	t.mu.Lock()
	delete(t.byID, sh.id)
	t.mu.Unlock()
	sh.timer.Stop()
	sh.cancel(cause)
}

func (t *shells) removeAll(cause error) {
	t.mu.Lock()
	all := t.byID
	t.byID = map[string]*shell{}
	t.mu.Unlock()
	for _, sh := range all {
		sh.timer.Stop()
		sh.cancel(cause)
	}
}

func (t *shells) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.byID)
}
