package rehearsal

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/sim"
	"github.com/lrun/lrun/winrm/scripts"
)

// The scripts and cmdlets that change a server or a pool.

// begins begins an action on the server. accepted runs once it is sure that the server does it; an action that is refused
// fails with the model's words, and one that never arrives breaks the connection. ended, unless nil, is told the end.
func (c *call) begins(pc int, kind string, accepted func(), ended func(interp.Event)) {
	s := c.s
	told := false
	end := func(ev interp.Event) {
		switch {
		case !told && ev.Outcome == interp.Unknown:
			s.cut()
			c.answer(reply{lost: true})
		case !told:
			c.fail(kind, "%s", ev.Text)
		case ev.Outcome == interp.Unknown:
			s.cut()
			if ended != nil {
				s.farm.follow(ev, ended)
			}
		case ended != nil:
			ended(ev)
		}
	}
	s.farm.begin(pc, s.number, 0, end)
	if !c.begun(s.farm, s.number) {
		return
	}
	told = true
	accepted()
}

// serviceNames are the services that an action by name concerns; whole reports that they carry the server, so that the
// action is one on the server.
func (s *server) serviceNames(names []string) (list []string, whole bool) {
	names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "" })
	if len(names) == 0 {
		return nil, true
	}
	for _, n := range names {
		if strings.EqualFold(n, "RTCSRV") || strings.EqualFold(n, "FabricHostSvc") {
			return nil, true
		}
		list = append(list, strings.ToUpper(n))
	}
	return list, false
}

// onServices fails a cmdlet about services where there are none.
func (s *server) onServices(c *call) bool {
	if !s.frontEnd() {
		c.fail(typeServices, "No services are installed on computer %q.", s.name)
		return false
	}
	return true
}

func stop(c *call) {
	args, ok := read[scripts.StopArgs](c)
	if !ok || !c.s.onServices(c) || !c.alone(args.Run) {
		return
	}
	asked := func() { c.done(scripts.Asked{Asked: true}) }
	names, whole := c.s.serviceNames(args.Names)
	if !whole {
		c.s.setAlone(names, sim.Stopped)
		asked()
		return
	}
	c.stops(args.Graceful, asked, nil)
}

// stops stops all services of the server.
func (c *call) stops(graceful bool, accepted func(), ended func(interp.Event)) {
	s := c.s
	pc := pcStop
	if graceful {
		pc = pcStopGraceful
	}
	c.begins(pc, typeServices, func() {
		if s.alone["RTCRGS"] == sim.Stopped {
			s.model().StopRGS(s.number)
		}
		accepted()
	}, ended)
}

// setAlone lets single services stop or start, those that do not carry the server.
func (s *server) setAlone(names []string, to sim.Status) {
	s.night.touch()
	if s.alone == nil {
		s.alone = map[string]sim.Status{}
	}
	for _, n := range names {
		s.alone[n] = to
		if n == "RTCRGS" && to == sim.Stopped {
			s.model().StopRGS(s.number)
		}
	}
}

func start(c *call) {
	args, ok := read[scripts.StartArgs](c)
	if !ok || !c.s.onServices(c) || !c.alone(args.Run) {
		return
	}
	asked := func() { c.done(scripts.Asked{Asked: true}) }
	names, whole := c.s.serviceNames(args.Names)
	if !whole {
		c.s.setAlone(names, sim.Running)
		asked()
		return
	}
	c.begins(pcStart, typeServices, asked, nil)
}

func bootMark(c *call) {
	args, ok := read[scripts.BootMarkArgs](c)
	switch {
	case !ok:
	case args.Nonce == "":
		c.fail(typeRuntime, "no nonce is given")
	default:
		c.s.nonce = args.Nonce
		c.done(scripts.BootMarkResult{Boot: c.s.boot, Nonce: c.s.nonce})
	}
}

// Exit codes of shutdown.exe.
const (
	shutdownDenied   = 5    // ERROR_ACCESS_DENIED
	shutdownUnderWay = 1190 // ERROR_SHUTDOWN_IS_SCHEDULED
)

func restart(c *call) {
	args, ok := read[scripts.RestartArgs](c)
	if !ok {
		return
	}
	s := c.s
	r := scripts.RestartResult{Boot: s.boot, Nonce: s.nonce, RC: -1}
	if s.nonce == "" || args.Nonce != s.nonce {
		c.done(r)
		return
	}
	if !c.alone(args.Run) {
		return
	}
	r.Asked = true
	c.shutsDown(time.Duration(args.Delay)*time.Second, func(rc int) {
		r.RC = rc
		c.done(r)
	})
}

// shutsDown is shutdown.exe /r. ended is given its exit code; it is not called where the connection breaks.
func (c *call) shutsDown(delay time.Duration, ended func(rc int)) {
	s := c.s
	switch {
	case s.shutdown:
		ended(shutdownUnderWay)
		return
	case !s.frontEnd():
		ended(shutdownDenied)
		return
	}
	n := s.night
	n.touch()
	id := n.id(pcStart, s.number)
	told := false
	n.ends[id] = func(ev interp.Event) {
		switch {
		case told:
			if ev.Outcome == interp.Unknown {
				s.cut()
			}
		case ev.Outcome == interp.Unknown:
			s.cut()
			c.answer(reply{lost: true})
		default:
			ended(shutdownDenied)
		}
	}
	s.model().Reboot(id, s.number, max(delay, 0))
	if !c.begun(s.farm, s.number) {
		return
	}
	told, s.shutdown = true, true
	ended(0)
}

// markOf keeps the mark of a run, by the clock of the wall: nobody's heartbeat is scaled.
func markOf(c *call) {
	args, ok := read[scripts.MarkArgs](c)
	if !ok {
		return
	}
	s := c.s
	n := s.night
	r := scripts.MarkResult{Age: -1}
	if s.mark != nil {
		age := max(int(n.clock().Sub(s.mark.at).Seconds()), 0)
		r.Age = age
		r.Held = s.mark.run != args.Run && age < args.TTL
	}
	switch {
	case args.Op == "write" && !r.Held:
		if !n.marked && !n.touched {
			n.begin()
			n.held = true
		}
		n.marked = true
		if s.mark == nil || s.mark.run != args.Run {
			n.tell(n.farms[0].model.Now(), Event{Event: EventMarked, Server: s.name, Run: args.Run})
		}
		s.mark = &mark{args.Run, args.Owner, n.clock()}
		r.Age = 0
	case args.Op == "remove" && s.mark != nil && s.mark.run == args.Run:
		n.tell(n.farms[0].model.Now(), Event{Event: EventUnmarked, Server: s.name, Run: args.Run})
		s.mark = nil
		r.Age = -1
	}
	if s.mark != nil {
		r.Run, r.Owner = s.mark.run, s.mark.owner
	}
	c.done(r)
}

// Exit codes of the installer.
const (
	installerFailed = 1603 // ERROR_INSTALL_FAILURE
	installerBusy   = 1618 // ERROR_INSTALL_ALREADY_RUNNING
	installerReboot = 3010 // ERROR_SUCCESS_REBOOT_REQUIRED
)

func upgrade(c *call) {
	args, ok := read[scripts.UpgradeArgs](c)
	if !ok {
		return
	}
	s := c.s
	file := s.installerAt(args.Path)
	switch {
	case !s.frontEnd():
		c.fail(typeRuntime, "there is nothing to update on %s", s.name)
		return
	case !file.Local:
		c.fail(typeRuntime, "the installer must be on a local drive, and %s is not", args.Path)
		return
	case args.SHA256 != "" && args.SHA256 != file.SHA256:
		c.fail(typeRuntime, "the installer at %s is not the expected one: its SHA-256 is %s", args.Path, file.SHA256)
		return
	}
	before, busy := s.versions(), s.installing
	ends := func(exit int, log string) {
		c.done(scripts.UpgradeResult{Exit: &exit, Before: before, After: s.versions(), Pending: s.pending(), Log: log})
	}
	refused := func(log string) {
		exit := installerFailed
		if busy {
			exit = installerBusy
		}
		ends(exit, log)
	}
	s.night.touch()
	var began bool
	s.farm.begin(pcUpgrade, s.number, 0, func(ev interp.Event) {
		switch {
		case began && ev.Outcome == interp.Unknown:
			s.cut()
		case began:
		case ev.Outcome == interp.Unknown:
			s.cut()
			c.answer(reply{lost: true})
		default:
			refused(ev.Text)
		}
	})
	if !c.begun(s.farm, s.number) {
		return
	}
	began = true
	s.installer = func(ok bool) {
		switch {
		case !ok:
			ends(installerFailed, "Checking service status. This may take a couple minutes...\r\nERROR: an update failed (1603).")
		case len(s.pending()) > 0:
			ends(installerReboot, installerSays)
		default:
			ends(0, installerSays)
		}
	}
}

const installerSays = "Checking service status. This may take a couple minutes...\r\nSUCCESS: Successfully installed all applicable MSPs."

func runText(c *call) {
	args, ok := read[scripts.RunArgs](c)
	if !ok {
		return
	}
	// A script of ours that travels as the author's is still ours.
	if act := actors[scriptOf()[args.Text]]; act != nil {
		params, err := json.Marshal(args.Params)
		if err == nil {
			c.args = params
			act(c)
			return
		}
	}
	if !c.s.frontEnd() {
		c.done("")
		return
	}
	pc := pcRun
	if strings.Contains(strings.ToLower(args.Text), "test-csdatabase") {
		pc = pcRunDatabase
	}
	c.runs(pc, typeRuntime, "")
}

// runs begins a cmdlet on the server that takes its time and then returns out, or fails.
func (c *call) runs(pc int, kind string, out any) {
	c.begins(pc, kind, func() {}, func(ev interp.Event) {
		if ev.Outcome == interp.Done {
			c.done(out)
			return
		}
		c.fail(kind, "%s", ev.Text)
	})
}

func failoverPool(c *call) {
	args, ok := read[scripts.FailoverArgs](c)
	if !ok || !c.reaches() {
		return
	}
	pc := pcFailover
	if args.Disaster {
		pc = pcFailoverDisaster
	}
	c.movesPool(args.Pool, pc)
}

func failbackPool(c *call) {
	args, ok := read[scripts.FailoverArgs](c)
	if !ok || !c.reaches() {
		return
	}
	c.movesPool(args.Pool, pcFailback)
}

// movesPool fails the pool over or back.
func (c *call) movesPool(name string, pc int) {
	n := c.s.night
	f := n.farms[0]
	switch {
	case !strings.EqualFold(name, f.pool.Name):
		c.fail(typeFabric, "the rehearsal moves the users of %s alone, not those of %q", f.pool.Name, name)
		return
	case pc == pcFailover && f.model.Surroundings().CMS == pool.CMSHere:
		c.fail(typeFabric, "the Central Management Store is on %s; it has to be failed over before the pool", f.pool.Name)
		return
	}
	finish := func(ev interp.Event) {
		if ev.Outcome == interp.Done {
			c.done(scripts.Done{Done: true})
			return
		}
		c.fail(typeFabric, "%s", ev.Text)
	}
	begun := false
	f.begin(pc, interp.Pool, 0, func(ev interp.Event) {
		switch {
		case ev.Outcome != interp.Unknown:
			finish(ev)
		case begun:
			c.s.cut()
			f.follow(ev, finish)
		default:
			c.s.cut()
			c.answer(reply{lost: true})
		}
	})
	begun = c.begun(f, interp.Pool)
}

func failoverCMS(c *call) {
	if !c.reaches() {
		return
	}
	n := c.s.night
	m := n.farms[0].model
	if len(n.farms) > 1 && c.s.farm != n.farms[1] {
		c.fail(typeFabric, "the cmdlet has to run on a server of the pool that takes the Central Management Store over")
		return
	}
	takes, refused := m.CMSMove()
	if refused != "" {
		c.fail(typeFabric, "%s", refused)
		return
	}
	n.touch()
	n.after(takes, func() {
		m.CMSMoved()
		c.done(scripts.Done{Done: true})
	})
}

func failoverComputer(c *call) {
	args, ok := read[scripts.ComputerArgs](c)
	if !ok || !c.reaches() {
		return
	}
	c.movesComputer(args, pcFailoverServer, time.Duration(args.DrainSeconds)*time.Second)
}

func failbackComputer(c *call) {
	args, ok := read[scripts.ComputerArgs](c)
	if !ok || !c.reaches() {
		return
	}
	c.movesComputer(args, pcFailbackServer, 0)
}

// movesComputer takes a server out of service or puts it back.
func (c *call) movesComputer(args scripts.ComputerArgs, pc int, drain time.Duration) {
	n := c.s.night
	target := n.server(args.Computer)
	switch {
	case !n.opts.Pool.Product.FailoverServer():
		c.fail(typeCommand, "The term 'Invoke-CsComputerFailOver' is not recognized as the name of a cmdlet, function, script file, or operable program.")
		return
	case target == nil || !target.frontEnd():
		c.fail(typeFabric, "Cannot find computer %q in the topology.", args.Computer)
		return
	}
	f := target.farm
	f.prog.Instrs[pcFailoverServer].Drain = drain
	finish := func(ev interp.Event) {
		if ev.Outcome == interp.Done {
			c.done(scripts.Done{Done: true})
			return
		}
		c.fail(typeFabric, "%s", ev.Text)
	}
	begun := false
	f.begin(pc, target.number, time.Duration(args.WaitSeconds)*time.Second, func(ev interp.Event) {
		switch {
		case ev.Outcome == interp.Unknown && !begun:
			c.s.cut()
			c.answer(reply{lost: true})
		case ev.Outcome == interp.Unknown:
			c.s.cut()
			f.follow(ev, finish)
		default:
			finish(ev)
		}
	})
	begun = c.begun(f, target.number)
}

// server finds a server by name, nil where there is none.
func (n *night) server(name string) *server {
	for _, s := range n.servers {
		if strings.EqualFold(s.name, name) {
			return s
		}
	}
	return nil
}
