package rehearsal

import (
	"strings"
	"time"

	"github.com/lrun/lrun/interp"
	"github.com/lrun/lrun/pool"
	"github.com/lrun/lrun/winrm/scripts"
)

// cmdlet is one that a person would type.
type cmdlet struct {
	syntax
	product func(product, pool.Product) bool // nil: all have it
	act     func(c *call, args map[string]string)
}

func (c *cmdlet) of(p product, which pool.Product) bool {
	return c.product == nil || c.product(p, which)
}

// cmdlets are those that are acted out, by name in lower case.
var cmdlets map[string]*cmdlet

// showing are the cmdlets that may stand behind a bar.
var showing = map[string]*syntax{
	"convertto-json": {values: []string{"depth"}, switches: []string{"compress"}},
	"select-object":  {values: []string{"property", "expandproperty"}, position: "property"},
	"select":         {values: []string{"property", "expandproperty"}, position: "property"},
	"format-list":    {values: []string{"property"}, position: "property"},
	"format-table":   {values: []string{"property"}, switches: []string{"autosize", "wrap"}, position: "property"},
	"out-string":     {values: []string{"width"}},
}

func init() {
	until2015 := func(p product, _ pool.Product) bool { return p.readiness == "Get-CsPoolUpgradeReadinessState" }
	from2019 := func(p product, _ pool.Product) bool { return p.readiness == "Get-CsUpgradeDomainInfo" }
	services := syntax{
		values: []string{"name", "computername", "report"}, position: "name",
		switches: []string{"graceful", "nowait", "force", "excludeactivitylevel", "whatif", "leaveclsagentrunning", "leavewebserverrunning"},
	}
	cmdlets = map[string]*cmdlet{
		"get-cspoolupgradereadinessstate": {
			syntax{switches: []string{"force", "whatif", "skipidlesecondaryverification"}}, until2015, typedReadiness,
		},
		"get-csupgradedomaininfo": {
			syntax{values: []string{"querytimeout"}, switches: []string{"force", "whatif"}}, from2019, typedReadiness,
		},
		"get-cswindowsservice":   {services, nil, typedServices},
		"stop-cswindowsservice":  {services, nil, typedStop},
		"start-cswindowsservice": {services, nil, typedStart},
		"get-cscomputer": {
			syntax{values: []string{"pool", "identity"}, switches: []string{"localstore", "local"}, position: "identity"}, nil, typedComputers,
		},
		"get-csserverversion": {syntax{}, nil, typedVersion},
		"get-csserverpatchversion": {
			syntax{}, func(p product, _ pool.Product) bool { return p.patch }, typedPatchVersion,
		},
		"restart-computer": {
			syntax{values: []string{"computername"}, switches: []string{"force", "whatif"}, position: "computername"}, nil, typedRestart,
		},
	}
}

// here fails a cmdlet that is told to act on another machine, which is a second hop.
func (c *call) here(args map[string]string) bool {
	name := args["computername"]
	if name == "" || strings.EqualFold(name, c.s.name) || strings.EqualFold(name, "localhost") {
		return true
	}
	if c.reaches() {
		c.fail(typeRuntime, "the modelled server acts on itself alone, not on %s", name)
	}
	return false
}

func typedReadiness(c *call, _ map[string]string) {
	if !c.s.onFabric(c) {
		return
	}
	c.s.reading(c, true, func(r interp.Reading) {
		res := c.s.readinessResult("", r)
		total, active, _ := res.FrontEndCount()
		domains := list{}
		for _, d := range res.Domains {
			domains = append(domains, object{
				{"Name", d.Name}, {"IsReadyForUpgrade", d.Ready == "True"}, {"Frontends", texts(d.FrontEnds)},
			})
		}
		o := object{
			{"PoolFqdn", c.s.farm.pool.Name}, {"PoolUpgradeState", res.State}, {"TotalFrontends", total},
			{"TotalActiveFrontends", active}, {"UpgradeDomains", domains},
		}
		if r.State == interp.Garbled {
			o[1].value = 3 // an enum that arrived as its number
		}
		c.done([]any{o})
	})
}

func typedServices(c *call, args map[string]string) {
	if !c.here(args) || !c.s.onServices(c) {
		return
	}
	_, fast := args["excludeactivitylevel"]
	var out []any
	for _, v := range c.s.services(!fast) {
		if !v.Lync || args["name"] != "" && !strings.EqualFold(v.Name, args["name"]) {
			continue
		}
		out = append(out, object{
			{"Status", v.State}, {"Name", v.Name}, {"DisplayName", v.Display}, {"ActivityLevel", v.Activity},
			{"RoleName", texts(v.Roles)},
		})
	}
	if len(out) == 0 {
		c.fail(typeServices, "Cannot find any service with service name '%s'.", args["name"])
		return
	}
	c.done(out)
}

// named is the services that a cmdlet names, all without a name. It fails where there is no such service.
func (c *call) named(args map[string]string) (names []string, whole, ok bool) {
	if !c.here(args) || !c.s.onServices(c) {
		return nil, false, false
	}
	if name := args["name"]; name != "" {
		known := false
		for _, v := range c.s.services(false) {
			known = known || v.Lync && strings.EqualFold(v.Name, name)
		}
		if !known {
			c.fail(typeServices, "Cannot find any service with service name '%s'.", name)
			return nil, false, false
		}
	}
	names, whole = c.s.serviceNames([]string{args["name"]})
	return names, whole, true
}

// waits says what a cmdlet does that has begun something: it returns at once with -NoWait, else when that has ended.
func (c *call) waits(args map[string]string) (accepted func(), ended func(interp.Event)) {
	if _, noWait := args["nowait"]; noWait {
		return func() { c.done(nil) }, nil
	}
	return func() {}, func(ev interp.Event) {
		if ev.Outcome == interp.Done {
			c.done(nil)
			return
		}
		c.fail(typeServices, "%s", ev.Text)
	}
}

func typedStop(c *call, args map[string]string) {
	names, whole, ok := c.named(args)
	_, whatIf := args["whatif"]
	switch {
	case !ok:
	case whatIf:
		c.done([]any{"What if: Stop services on " + c.s.name + "."})
	case !whole:
		c.s.setAlone(names, "Stopped")
		c.done(nil)
	default:
		_, graceful := args["graceful"]
		accepted, ended := c.waits(args)
		c.stops(graceful, accepted, ended)
	}
}

func typedStart(c *call, args map[string]string) {
	names, whole, ok := c.named(args)
	_, whatIf := args["whatif"]
	switch {
	case !ok:
	case whatIf:
		c.done([]any{"What if: Start services on " + c.s.name + "."})
	case !whole:
		c.s.setAlone(names, "Running")
		c.done(nil)
	default:
		accepted, ended := c.waits(args)
		c.begins(pcStart, typeServices, accepted, ended)
	}
}

func typedComputers(c *call, args map[string]string) {
	if _, local := args["localstore"]; !local && !c.reaches() {
		return
	}
	var out []any
	add := func(f *farm) {
		for _, s := range f.pool.Servers {
			if args["identity"] == "" || strings.EqualFold(args["identity"], s.Name) {
				out = append(out, object{{"Identity", s.Name}, {"Pool", f.pool.Name}, {"Fqdn", s.Name}})
			}
		}
	}
	if name := args["pool"]; name != "" {
		f := c.s.night.farmOf(name)
		if f == nil {
			c.fail(typeRuntime, "Cannot find pool %q in the topology.", name)
			return
		}
		add(f)
	} else {
		for _, f := range c.s.night.farms {
			add(f)
		}
	}
	c.done(out)
}

func typedVersion(c *call, _ map[string]string) {
	p := products[c.s.night.opts.Pool.Product]
	c.done([]any{p.name + " (" + p.base + "): volume license key installed."})
}

func typedPatchVersion(c *call, _ map[string]string) {
	var out []any
	for _, v := range c.s.versions() {
		out = append(out, object{{"ComponentName", v.Component}, {"Version", v.Version}})
	}
	c.done(out)
}

func typedRestart(c *call, args map[string]string) {
	if !c.here(args) {
		return
	}
	if _, whatIf := args["whatif"]; whatIf {
		c.done([]any{"What if: Restart computer " + c.s.name + "."})
		return
	}
	c.shutsDown(time.Duration(0), func(rc int) {
		r := scripts.RestartResult{Asked: true, RC: rc}
		if !r.UnderWay() {
			c.fail(typeRuntime, "This command cannot be run on target computer('%s') because of the following error: Access is denied.", c.s.name)
			return
		}
		c.done(nil)
	})
}
