package winrm

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lrun/lrun/winrm/scripts"
)

// The services that decide. Everything else is known by Get-CsWindowsService listing it.
const (
	frontEnd = "RTCSRV"
	fabric   = "FabricHostSvc"
	web      = "W3SVC"
	response = "RTCRGS"
)

// agents are services that Stop-CsWindowsService may leave running, by its switches and from one product to the next. They
// carry no user and stand in no installer's way, so that nobody waits for their end.
var agents = []string{"RTCCLSAGT", "REPLICA"}

// status is a server's services by one survey. Names are compared in upper case.
type status struct {
	*scripts.SurveyResult
}

// ours are the services of the product: those that Get-CsWindowsService lists, and Windows Fabric.
func (s status) ours(v *scripts.Service) bool { return v.Lync || strings.EqualFold(v.Name, fabric) }

// readable is nil where the services are known.
func (s status) readable() error {
	if s.ServicesError != "" {
		return fmt.Errorf("Get-CsWindowsService: %s", clean(s.ServicesError))
	}
	if _, ok := s.service(frontEnd); !ok {
		return fmt.Errorf("there is no service %s", frontEnd)
	}
	return nil
}

func (s status) service(name string) (*scripts.Service, bool) {
	for i := range s.Services {
		if strings.EqualFold(s.Services[i].Name, name) {
			return &s.Services[i], true
		}
	}
	return nil, false
}

// active reports whether the server serves: its front-end service runs, and Windows Fabric under it.
func (s status) active() bool {
	f, okF := s.service(frontEnd)
	h, okH := s.service(fabric)
	return okF && okH && f.State == "Running" && h.State == "Running"
}

// in lists the services of the product in one of the states.
func (s status) in(states ...string) []string {
	var list []string
	for i := range s.Services {
		if v := &s.Services[i]; s.ours(v) && slices.Contains(states, v.State) {
			list = append(list, v.Name)
		}
	}
	return list
}

// notStopped lists the services of the product that carry users and have not stopped.
func (s status) notStopped() []string {
	var list []string
	for i := range s.Services {
		v := &s.Services[i]
		name := strings.ToUpper(v.Name)
		if v.Lync && v.State != "Stopped" && name != web && !slices.Contains(agents, name) {
			list = append(list, v.Name)
		}
	}
	return list
}

// toStop lists what a stop waits for: that, and the web server. The vendor's procedures stop it by itself, after the others.
func (s status) toStop() []string {
	list := s.notStopped()
	if v, ok := s.service(web); ok && v.Lync && v.State != "Stopped" {
		list = append(list, v.Name)
	}
	return list
}

// webAlone reports whether nothing but the web server is left to be stopped.
func (s status) webAlone() bool { return len(s.notStopped()) == 0 && len(s.toStop()) > 0 }

// ending lists what is on its way down: draining shows as Paused.
func (s status) ending() []string { return s.in("Paused", "PausePending", "StopPending") }

// starting lists what is on its way up.
func (s status) starting() []string { return s.in("StartPending", "ContinuePending") }

// sessions is what a drain waits for, as far as it can be told.
func (s status) sessions() int {
	sum := int64(0)
	for _, v := range s.Services {
		if n, _, err := v.Sessions(); err == nil && v.Lync {
			sum += n
		}
	}
	return int(min(sum, 1<<30))
}

// brokenCounter reports whether the only service that carries users and has not stopped is the Response Group service with an impossible
// number of calls: it never drains.
func (s status) brokenCounter() bool {
	left := s.notStopped()
	if len(left) != 1 || !strings.EqualFold(left[0], response) {
		return false
	}
	v, _ := s.service(response)
	_, broken, err := v.Sessions()
	return err == nil && broken
}

// automatic lists the services of the product that start by themselves.
func (s status) automatic() []string {
	var list []string
	for i := range s.Services {
		if v := &s.Services[i]; s.ours(v) && v.Start == "Auto" {
			list = append(list, strings.ToUpper(v.Name))
		}
	}
	slices.Sort(list)
	return list
}

// missing lists those of the expected services that do not run, with their states.
func (s status) missing(expected []string) []string {
	var list []string
	for _, name := range expected {
		v, ok := s.service(name)
		switch {
		case !ok && name != frontEnd: // what other servers have, this one need not have
		case !ok:
			list = append(list, name+" (not there)")
		case v.State != "Running" && v.Start == "Disabled":
			list = append(list, v.Name+" ("+v.State+", disabled)")
		case v.State != "Running":
			list = append(list, v.Name+" ("+v.State+")")
		}
	}
	return list
}

// some keeps a list of names short.
func some(names []string) string {
	const most = 5
	if len(names) > most {
		return clean(strings.Join(names[:most], ", ")) + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return clean(strings.Join(names, ", "))
}

// atVersion reports whether the server has a version. The components of one update bear different numbers, and a person
// may name it by either of two: that of the Core Components, or the latest of all. One that some other component has by
// itself is not the server's.
func (s status) atVersion(want string) bool {
	return want != "" && s.VersionsError == "" && (want == s.core() || want == s.version())
}

// core is the version of the Core Components, "" where none is told.
func (s status) core() string {
	for _, c := range s.Versions {
		if strings.Contains(strings.ToLower(c.Component), "core components") {
			return c.Version
		}
	}
	return ""
}

// version is the latest version of any component, "" where none is told.
func (s status) version() string {
	latest := ""
	for _, c := range s.Versions {
		if c.Version != "" && (latest == "" || laterVersion(c.Version, latest)) {
			latest = c.Version
		}
	}
	return latest
}

// laterVersion compares versions number by number; one that is no version is not later.
func laterVersion(a, b string) bool {
	x, okX := versionNumbers(a)
	y, okY := versionNumbers(b)
	if !okX || !okY {
		return false
	}
	return slices.CompareFunc(x, y, cmp.Compare) > 0
}

func versionNumbers(s string) ([]int, bool) {
	var list []int
	for part := range strings.SplitSeq(strings.TrimSpace(s), ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return nil, false
		}
		list = append(list, n)
	}
	return list, len(list) > 1
}

// keepBaseline remembers which services of a server start by themselves, at the run's first look at it.
func (w *World) keepBaseline(server string, s status) error {
	if s.readable() != nil {
		return nil
	}
	key := "auto/" + server
	if _, ok := w.opts.Memory.Get(key); ok {
		return nil
	}
	raw, err := json.Marshal(s.automatic())
	if err != nil {
		return err
	}
	return w.opts.Memory.Put(key, string(raw))
}

func (w *World) baseline(server string) []string {
	raw, _ := w.opts.Memory.Get("auto/" + server)
	var list []string
	if json.Unmarshal([]byte(raw), &list) != nil {
		return nil
	}
	return list
}

// expected lists the services that have to run on a server: what started by itself at the first look. Where the
// front-end service did not (somebody had failed the server over), it is what starts on the other servers of the pool.
func (w *World) expected(server string) []string {
	list := w.baseline(server)
	if !slices.Contains(list, frontEnd) {
		for i := range w.pool.Servers {
			list = append(list, w.baseline(w.pool.Servers[i].Name)...)
		}
		list = append(list, frontEnd, strings.ToUpper(fabric))
		slices.Sort(list)
		list = slices.Compact(list)
	}
	return list
}
