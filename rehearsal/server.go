package rehearsal

import (
	"time"

	"github.com/lrun/lrun/sim"
	"github.com/lrun/lrun/winrm/wsman"
)

// server is one host: a Front End, or a management host, which has no farm.
type server struct {
	night  *night
	farm   *farm
	number int // in its farm
	name   string
	host   *wsman.Host

	// What was seen of the model last.
	phase      sim.Phase
	installing bool
	installed  int

	boot      string                // when it was booted, as the scripts write it
	nonce     string                // in the volatile registry key
	shutdown  bool                  // a restart has been asked for
	alone     map[string]sim.Status // services that were stopped or started by name
	mark      *mark
	jobs      map[string]*job
	installer func(ok bool) // what waits for the end of the installer
}

// mark is the mark of a run.
type mark struct {
	run, owner string
	at         time.Time
}

// dotnet is the round-trip format of .NET, in which the scripts print times.
const dotnet = "2006-01-02T15:04:05.0000000Z"

// model is the model of the server's pool.
func (s *server) model() *sim.Model { return s.farm.model }

// frontEnd reports whether the server is one, and not a management host.
func (s *server) frontEnd() bool { return s.farm != nil }

// observe tells what has changed on the server since it was seen last. installed counts the installers that ended well.
func (s *server) observe(now time.Duration, installed int) {
	phase, installing := s.model().Phase(s.number), s.model().Installing(s.number)
	was := s.phase
	s.phase = phase
	tell := func(event string) { s.night.tell(now, Event{Event: event, Server: s.name}) }
	if s.installing && !installing {
		s.installerEnded(now, installed > s.installed)
	}
	if phase != was {
		s.phaseChanged(was, tell)
	}
	if installing && !s.installing {
		tell(EventInstalling)
	}
	s.installing, s.installed = installing, installed
}

// phaseChanged tells that the server has come to its phase, and lets its host come or go.
func (s *server) phaseChanged(was sim.Phase, tell func(string)) {
	if was == sim.PhaseOff {
		s.bootNow()
		s.up()
		tell(EventBooted)
	}
	switch s.phase {
	case sim.PhaseOff:
		s.down()
		tell(EventDown)
	case sim.PhaseDraining:
		tell(EventDraining)
	case sim.PhaseStopped:
		if was == sim.PhaseDraining {
			tell(EventDrained)
		}
		if was != sim.PhaseOff {
			tell(EventStopped)
		}
	case sim.PhaseStarting:
		s.alone = nil
		tell(EventStarting)
	case sim.PhaseRunning:
		s.alone = nil
		tell(EventStarted)
	case sim.PhaseStopping:
	}
}

// bootsApart is what lies between two boots of a server at the least. Where the night goes by faster than the wall, and the
// clocks show the wall's time, they would be less than a second apart, as no server's are.
const bootsApart = time.Minute

// bootNow notes the time of a boot.
func (s *server) bootNow() {
	now := s.night.clock()
	if last, err := time.Parse(dotnet, s.boot); err == nil && now.Before(last.Add(bootsApart)) {
		now = last.Add(bootsApart)
	}
	s.boot = now.Format(dotnet)
}

func (s *server) installerEnded(now time.Duration, ok bool) {
	ev := Event{Event: EventInstallFailed, Server: s.name}
	switch {
	case s.phase == sim.PhaseOff:
		ev.Event = EventInstallCut
	case ok:
		ev.Event, ev.Version = EventInstalled, s.version()
	}
	s.night.tell(now, ev)
	if end := s.installer; end != nil && ev.Event != EventInstallCut {
		end(ok)
	}
	s.installer = nil
}

// version is that of the product's components on the server.
func (s *server) version() string {
	if v := s.model().Server(s.number).Version; v != "" {
		return v
	}
	return products[s.farm.pool.Product].before
}

// down is the loss of power: what ran is gone, what is on disk stays.
func (s *server) down() {
	s.nonce, s.shutdown, s.alone, s.installer = "", false, nil, nil
	for _, j := range s.jobs {
		j.kill()
	}
	if s.host != nil {
		s.host.Down()
	}
}

// upAgain is how long it takes until a host whose address is taken tries again, in real time.
const upAgain = 100 * time.Millisecond

// up lets the host answer again. Somebody may have got its port meanwhile, as the source port of a connection; that ends.
func (s *server) up() {
	if s.host == nil || s.night.closed {
		return
	}
	if err := s.host.Up(); err != nil {
		s.night.after(upAgain*time.Duration(s.night.opts.TimeScale), func() {
			if s.phase != sim.PhaseOff {
				s.up()
			}
		})
	}
}

// cut resets the connections of the server, as a network that fails does.
func (s *server) cut() {
	s.night.tell(s.night.farms[0].model.Now(), Event{Event: EventUnreachable, Server: s.name})
	if s.host != nil {
		s.host.Reset()
	}
}

// pending reports whether Windows waits for a reboot.
func (s *server) pending() []string {
	if s.frontEnd() && s.model().Server(s.number).Pending {
		return []string{"files in use to be replaced"}
	}
	return []string{}
}
