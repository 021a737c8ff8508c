package rehearsal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/rehearsal"
	"github.com/lrun/lrun/runbooks"
	"github.com/lrun/lrun/winrm/scripts"
	"github.com/lrun/lrun/winrm/transport"
)

const (
	user     = `CONTOSO\lync-admin`
	password = "not-for-any-log 1"
)

// rig is a served pool with what it has told so far.
type rig struct {
	*rehearsal.Server
	t    *testing.T
	pool *pool.Pool

	mu      sync.Mutex
	events  []rehearsal.Event
	changed chan struct{}
	file    bytes.Buffer
}

// shipped is a pool that ships with the product.
func shipped(t *testing.T, name string) *pool.Pool {
	t.Helper()
	for _, f := range runbooks.Files() {
		if f.Name == name && string(f.Kind) == "pool" {
			p, err := pool.Decode(f.File, f.Text)
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
	}
	t.Fatalf("no pool %s", name)
	return nil
}

func scenario(t *testing.T, p *pool.Pool, text string) *pool.Scenario {
	t.Helper()
	sc, err := pool.DecodeScenario("test.scenario.yaml", []byte(text), p)
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

// serve serves contoso-6 at a scale at which a night takes seconds; set may change the options.
func serve(t *testing.T, set func(*rehearsal.Options)) *rig {
	t.Helper()
	p := shipped(t, "contoso-6")
	r := &rig{t: t, pool: p, changed: make(chan struct{})}
	o := rehearsal.Options{
		Pool: p, TimeScale: 3600, Listen: "127.0.0.1:0", User: user, Password: password, Log: &r.file,
		OnEvent: func(ev rehearsal.Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, ev)
			close(r.changed)
			r.changed = make(chan struct{})
		},
	}
	if set != nil {
		set(&o)
	}
	srv, err := rehearsal.Serve(o)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = srv
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// wait waits for the nth event of a name on a server, from 1.
func (r *rig) wait(event, server string, nth int) rehearsal.Event {
	r.t.Helper()
	for {
		r.mu.Lock()
		n := 0
		for _, ev := range r.events {
			if ev.Event == event && (ev.Server == server || ev.Pool == server) {
				if n++; n == nth {
					r.mu.Unlock()
					return ev
				}
			}
		}
		changed := r.changed
		r.mu.Unlock()
		select {
		case <-changed:
		case <-r.t.Context().Done():
			r.t.Fatalf("the test ended before %s %s", server, event)
		}
	}
}

// count counts the events of a name on a server.
func (r *rig) count(event, server string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, ev := range r.events {
		if ev.Event == event && ev.Server == server {
			n++
		}
	}
	return n
}

// story is what a server lived through, by the names of its events.
func (r *rig) story(server string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for _, ev := range r.events {
		if ev.Server == server && ev.Event != rehearsal.EventRead {
			names = append(names, ev.Event)
		}
	}
	return strings.Join(names, " ")
}

// session opens a session on a server, by Basic.
func (r *rig) session(server string) *transport.Session {
	return r.sessionBy(server, transport.Basic(transport.NewCredential(user, password)))
}

func (r *rig) sessionBy(server string, auth transport.Auth) *transport.Session {
	return r.sessionWith(server, transport.Config{Auth: auth})
}

func (r *rig) sessionWith(server string, cfg transport.Config) *transport.Session {
	r.t.Helper()
	host, text, err := net.SplitHostPort(r.Address(server))
	if err != nil {
		r.t.Fatalf("%s: %v", server, err)
	}
	port, _ := strconv.Atoi(text)
	cfg.Host, cfg.Port = host, port
	s, err := transport.Open(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = s.Close(ctx) // the server may be gone
	})
	return s
}

// try runs a script and gives what became of it.
func try(t *testing.T, s *transport.Session, name scripts.Script, args any) (scripts.Result, error) {
	t.Helper()
	nonce := scripts.NewNonce()
	stdin, err := scripts.Encode(name, args, nonce)
	if err != nil {
		t.Fatal(err)
	}
	res, err := s.Run(t.Context(), scripts.CommandLine(), stdin)
	if err != nil {
		return scripts.Result{}, err
	}
	return scripts.Decode(res.Stdout, nonce)
}

// run runs a script that has to work.
func run[T any](t *testing.T, s *transport.Session, name scripts.Script, args any) T {
	t.Helper()
	var out T
	res, err := try(t, s, name, args)
	if err == nil {
		err = res.Into(&out)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// job starts a script as a job.
func job(t *testing.T, s *transport.Session, id string, name scripts.Script, args any, as scripts.Logon) {
	t.Helper()
	j, err := scripts.NewJob(id, name, args, as)
	if err != nil {
		t.Fatal(err)
	}
	if st := run[scripts.JobStarted](t, s, scripts.JobStart, j); st.Begun {
		t.Fatalf("job %s had begun before", id)
	}
}

// result polls a job until it does not run any more.
func result(t *testing.T, s *transport.Session, id string) (scripts.JobStatus, scripts.JobState) {
	t.Helper()
	for {
		st := run[scripts.JobStatus](t, s, scripts.JobPoll, scripts.JobPollArgs{ID: id})
		if state := st.State(); state != scripts.JobRunning {
			return st, state
		}
	}
}

func lines(t *testing.T, text string) []rehearsal.Event {
	t.Helper()
	var list []rehearsal.Event
	for line := range strings.Lines(text) {
		var ev rehearsal.Event
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, ev)
	}
	return list
}
