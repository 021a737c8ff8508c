package winrm

import (
	"context"
	"slices"

	"github.com/lrun/lrun/winrm/scripts"
)

// The ports that have to accept a new connection: SIP over TLS, and the web services.
const (
	sipPort = 5061
	webPort = 443
)

// verify is one try: services, ports and version.
func (t *task) verify(ctx context.Context) result {
	expected := t.w.expected(t.server())
	ports := []int{sipPort}
	if slices.Contains(expected, web) {
		ports = append(ports, webPort)
	}
	var r scripts.SurveyResult
	args := scripts.SurveyArgs{Ports: ports}
	err := t.w.reread(ctx, t.server(), scripts.Survey, args, &r)
	if ctx.Err() != nil {
		return cut()
	}
	if err != nil {
		return failed("the server does not answer: %s", why(err))
	}
	s := status{&r}
	if err := t.w.keepBaseline(t.server(), s); err != nil {
		return failed("%s", why(err))
	}
	if err := s.readable(); err != nil {
		return failed("the services cannot be read: %s", why(err))
	}
	return t.judge(s, t.w.expected(t.server()), ports)
}

func (t *task) judge(s status, expected []string, ports []int) result {
	f, _ := s.service(frontEnd)
	missing := s.missing(expected)
	switch {
	case f.State == "StartPending":
		return failed("%s is still starting (its routing groups are not placed yet, or too few front ends run)", frontEnd)
	case f.State == "Paused":
		return failed("%s is paused and takes no new sessions", frontEnd)
	case len(missing) > 0 && f.Start == "Disabled":
		return failed("the services are disabled; Invoke-CsComputerFailBack enables them")
	case len(missing) > 0:
		return failed("these do not run: %s", some(missing))
	case !s.active():
		return failed("%s or %s does not run", frontEnd, fabric)
	}
	for _, port := range ports {
		i := slices.IndexFunc(s.Ports, func(p scripts.Port) bool { return p.Port == port })
		if i < 0 || !s.Ports[i].Accepts {
			return failed("port %d does not accept a new connection", port)
		}
	}
	if t.text == "" || s.atVersion(t.text) {
		return done("")
	}
	if s.VersionsError != "" {
		return failed("the version cannot be read: %s", clean(s.VersionsError))
	}
	return failed("the version is %s, not %s", clean(s.version()), t.text)
}
