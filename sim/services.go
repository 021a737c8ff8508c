package sim

import (
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
)

// Status is the state of a Windows service, in Windows' words.
type Status string

// The states.
const (
	Stopped      Status = "Stopped"
	StartPending Status = "StartPending"
	Running      Status = "Running"
	Paused       Status = "Paused"
	StopPending  Status = "StopPending"
)

// Service is one Windows service of a Front End.
type Service struct {
	Name      string
	Status    Status
	StartType string // Automatic or Disabled
	Activity  int    // what Get-CsWindowsService counts: sessions of this service
}

// where says on which Front Ends a service is found.
type where uint8

const (
	everywhere where = iota
	onCMS            // on the pool that holds the Central Management Store
	paired           // in paired pools
	to2015           // up to Skype for Business Server 2015
)

// fixture is a service of the model.
type fixture struct {
	name  string
	where where
	share int // of a thousand sessions
}

// fixtures are the services of a Front End that Stop-CsWindowsService stops; the local SQL instances are none of them.
var fixtures = [...]fixture{
	{"W3SVC", everywhere, 0}, {"MASTER", onCMS, 0}, {"FTA", onCMS, 0}, {"REPLICA", everywhere, 0},
	{"RTCCLSAGT", everywhere, 0}, {"FabricHostSvc", everywhere, 0}, {"RTCSRV", everywhere, 600},
	{"RTCCAA", everywhere, 10}, {"RTCCAS", everywhere, 10}, {"RTCRGS", everywhere, 20}, {"RTCCPS", everywhere, 5},
	{"RTCATS", everywhere, 0}, {"RTCIMMCU", everywhere, 100}, {"RTCDATAMCU", everywhere, 55},
	{"RTCAVMCU", everywhere, 120}, {"RTCASMCU", everywhere, 40}, {"RTCMEDSRV", everywhere, 40},
	{"RTCXMPPTGW", to2015, 0}, {"RTCHA", everywhere, 0}, {"LYNCBACKUP", paired, 0},
}

// rgsStuckCalls is the number that the Response Group service counts where its counter is broken.
const rgsStuckCalls = 1 << 30

// Services lists what Get-CsWindowsService shows of a server now; nil where it does not answer. FabricHostSvc runs as
// long as the server holds votes and replicas.
func (m *Model) Services(server int) []Service {
	if server < 0 || server >= m.cfg.n || m.st.servers[server].phase == off {
		return nil
	}
	sv := &m.st.servers[server]
	left := int(m.sessionsLeft(int8(server)))
	list := make([]Service, 0, len(fixtures))
	for i := range fixtures {
		f := &fixtures[i]
		switch {
		case f.where == onCMS && m.cmsPlace() != pool.CMSHere && m.cmsPlace() != pool.CMSBoth,
			f.where == paired && !m.cfg.pool.Paired(),
			f.where == to2015 && m.cfg.pool.Product > pool.SfB2015:
			continue
		}
		s := Service{Name: f.name, StartType: "Automatic", Status: m.statusOf(sv, f), Activity: left * f.share / 1000}
		if sv.disabled {
			s.StartType = "Disabled"
		}
		if f.name == "RTCRGS" && m.rgsStuck(int8(server)) && s.Status != Stopped {
			s.Activity = rgsStuckCalls
		}
		list = append(list, s)
	}
	return list
}

// statusOf is the state of one service. While a server drains, what carries sessions is Paused until it has none left.
func (m *Model) statusOf(sv *server, f *fixture) Status {
	switch sv.phase {
	case starting:
		if f.share > 0 {
			return StartPending
		}
		return Running
	case running:
		return Running
	case draining:
		switch {
		case f.share > 0:
			return Paused
		case f.name == "FabricHostSvc":
			return Running
		}
		return Stopped
	case stopping:
		return StopPending
	}
	return Stopped
}

// Server is what can be seen of a server from outside.
type Server struct {
	Up       bool          // the system answers
	Booted   time.Duration // when it last came up; negative: before the night
	Pending  bool          // Windows waits for a reboot
	Active   bool          // its services run and it is active in the pool
	Sessions int           // sessions on it
	Version  string        // text of its build where that is known; "" for the build of the start
	Stale    bool          // its replica of the Central Management Store is not up to date
}

// Server tells what can be seen of a server now.
func (m *Model) Server(server int) Server {
	sv := &m.st.servers[server]
	return Server{
		Up: sv.phase != off, Booted: time.Duration(sv.bootAt) * time.Millisecond, Pending: sv.pending,
		Active: sv.phase == running, Sessions: int(m.sessionsLeft(int8(server))),
		Version: m.cfg.builds[sv.build].text, Stale: m.stale(server),
	}
}

// stale reports whether a server's replica of the Central Management Store is not up to date.
func (m *Model) stale(server int) bool {
	return m.cfg.start.Stale.Has(server) || m.covered(pool.FaultReplica, int8(server)) != nil
}

// Survey tells what a Survey would find now.
func (m *Model) Survey() interp.Reading {
	return m.survey(&interp.Effect{})
}

// Readiness tells what the readiness cmdlet would say now. It is no reading of the night: it is not counted.
func (m *Model) Readiness() interp.Reading {
	r := m.Survey()
	r.State, r.Domains = m.readiness(0)
	return r
}
