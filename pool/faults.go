package pool

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// faultForm is one way to write a fault. Its mark is the key that no other
// form has.
type faultForm struct {
	kind     FaultKind
	mark     string
	keys     []string // the mark included
	required []string // beside the mark
	read     func(*scenarioDecoder, *Fault, map[string]ast.Node)
}

var faultForms = []faultForm{
	{FaultPool, "pool", []string{"pool", "at", "for"}, nil, (*scenarioDecoder).faultPool},
	{FaultReading, "reading", []string{"reading", "is"}, []string{"is"}, (*scenarioDecoder).faultReading},
	{FaultDomain, "ready", []string{"domain", "ready", "at", "for"}, []string{"domain"}, (*scenarioDecoder).faultDomain},
	{FaultAction, "on", []string{"server", "on", "is", "takes", "landed", "times", "graceful", "at", "for"}, nil, (*scenarioDecoder).faultAction},
	{FaultDown, "down", []string{"server", "down", "for"}, []string{"server"}, (*scenarioDecoder).faultDown},
	{FaultCrash, "crash", []string{"crash", "after", "resume"}, []string{"after"}, (*scenarioDecoder).faultCrash},
	{FaultSQL, "sql", []string{"sql", "at", "for"}, nil, (*scenarioDecoder).faultSQL},
	{FaultBackup, "backup", []string{"backup", "of", "at", "for"}, nil, (*scenarioDecoder).faultBackup},
	{FaultBackupPool, "backup_pool", []string{"backup_pool", "at", "for"}, nil, (*scenarioDecoder).faultBackupPool},
	{FaultCMS, "cms", []string{"cms", "at", "for"}, nil, (*scenarioDecoder).faultCMS},
	{FaultEdge, "edge", []string{"edge", "at", "for"}, nil, (*scenarioDecoder).faultEdge},
	{FaultRGS, "rgs", []string{"server", "rgs", "at", "for"}, []string{"server"}, (*scenarioDecoder).faultRGS},
	{FaultServices, "services", []string{"server", "services", "at"}, []string{"server"}, (*scenarioDecoder).faultServices},
	{FaultReboot, "reboot", []string{"server", "reboot", "at"}, []string{"server"}, (*scenarioDecoder).faultReboot},
	{FaultReplica, "replica", []string{"server", "replica", "at", "for"}, []string{"server"}, (*scenarioDecoder).faultReplica},
	{FaultDatabase, "database", []string{"database", "at"}, nil, (*scenarioDecoder).faultDatabase},
	{FaultByHand, "by_hand", []string{"by_hand", "at"}, nil, (*scenarioDecoder).faultByHand},
}

// faultShape holds the keys of all forms together.
var faultShape = &shape{name: "a fault", keys: faultKeys()}

func faultKeys() []string {
	var keys []string
	for _, form := range faultForms {
		for _, key := range form.keys {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// fault reads one line of faults.
func (d *scenarioDecoder) fault(n ast.Node) (Fault, bool) {
	before := len(d.errs)
	o := d.object(n, faultShape)
	if o == nil || len(d.errs) > before {
		return Fault{}, false
	}
	form := d.form(n, o)
	if form == nil {
		return Fault{}, false
	}
	for _, key := range faultShape.keys {
		if o[key] != nil && !slices.Contains(form.keys, key) {
			d.errorf(o[key], "%q does not go with %q; known there: %s", key, form.mark, strings.Join(form.keys, ", "))
		}
	}
	for _, key := range form.required {
		if o[key] == nil {
			d.errorf(n, "a fault with %q needs %q too", form.mark, key)
		}
	}
	if len(d.errs) > before {
		return Fault{}, false
	}
	f := Fault{Kind: form.kind, Server: -1, Domain: -1}
	f.Line, _ = place(n)
	d.times(&f, o)
	form.read(d, &f, o)
	return f, len(d.errs) == before
}

// form finds the one form whose mark the fault bears.
func (d *scenarioDecoder) form(n ast.Node, o map[string]ast.Node) *faultForm {
	var found *faultForm
	for i := range faultForms {
		switch form := &faultForms[i]; {
		case o[form.mark] == nil:
		case found != nil:
			d.errorf(n, "%q and %q do not go together: write two faults", found.mark, form.mark)
			return nil
		default:
			found = form
		}
	}
	if found == nil {
		marks := make([]string, len(faultForms))
		for i := range faultForms {
			marks[i] = faultForms[i].mark
		}
		d.errorf(n, "this fault does not say what happens: one of %s is missing", strings.Join(marks, ", "))
	}
	return found
}

// times reads the keys that many forms share.
func (d *scenarioDecoder) times(f *Fault, o map[string]ast.Node) {
	if n := o["at"]; n != nil {
		f.At, _ = d.duration(n, "at")
	}
	if n := o["for"]; n != nil {
		f.For, _ = d.span(n, "for")
	}
	if n := o["server"]; n != nil {
		f.Server, _ = d.server(n)
	}
	if n := o["domain"]; n != nil {
		f.Domain, _ = d.domain(n)
	}
}

func (d *scenarioDecoder) faultPool(f *Fault, o map[string]ast.Node) {
	i, _ := d.oneOf(o["pool"], "pool", poolStates)
	f.State = PoolState(i)
}

func (d *scenarioDecoder) faultReading(f *Fault, o map[string]ast.Node) {
	f.Reading, _ = d.integer(o["reading"], "reading", 1, 100_000)
	i, _ := d.oneOf(o["is"], "is", poolStates)
	f.State = PoolState(i)
}

func (d *scenarioDecoder) faultDomain(f *Fault, o map[string]ast.Node) {
	f.Ready, _ = d.boolean(o["ready"], "ready")
}

func (d *scenarioDecoder) faultDown(f *Fault, o map[string]ast.Node) {
	f.At, _ = d.duration(o["down"], "down")
}

func (d *scenarioDecoder) faultCrash(f *Fault, o map[string]ast.Node) {
	d.oneOf(o["crash"], "crash", []string{"lrun"})
	f.After, _ = d.integer(o["after"], "after", 1, 1_000_000)
	n := o["resume"]
	if n == nil {
		return
	}
	text, ok := d.text(n, "resume")
	if !ok {
		return
	}
	var err error
	if f.Resume, err = ParseDuration(strings.TrimSuffix(text, " later")); err != nil {
		d.errorf(n, "resume: %v", err)
	}
}

func (d *scenarioDecoder) faultSQL(f *Fault, o map[string]ast.Node) {
	i, _ := d.oneOf(o["sql"], "sql", sqlStates)
	f.SQL = SQLState(i)
}

func (d *scenarioDecoder) faultBackup(f *Fault, o map[string]ast.Node) {
	d.paired(o["backup"], "backup")
	i, _ := d.oneOf(o["backup"], "backup", backupStates)
	f.Backup = BackupState(i)
	if n := o["of"]; n != nil {
		i, _ := d.oneOf(n, "of", []string{"here", "backup"})
		f.Partner = i == 1
	}
}

func (d *scenarioDecoder) faultBackupPool(f *Fault, o map[string]ast.Node) {
	d.paired(o["backup_pool"], "backup_pool")
	i, _ := d.oneOf(o["backup_pool"], "backup_pool", poolStates)
	f.State = PoolState(i)
}

func (d *scenarioDecoder) faultCMS(f *Fault, o map[string]ast.Node) {
	f.CMS = d.cms(o["cms"], "cms")
}

func (d *scenarioDecoder) faultEdge(_ *Fault, o map[string]ast.Node) {
	d.oneOf(o["edge"], "edge", []string{"next hop"})
}

func (d *scenarioDecoder) faultRGS(_ *Fault, o map[string]ast.Node) {
	d.oneOf(o["rgs"], "rgs", []string{"stuck"})
}

func (d *scenarioDecoder) faultServices(f *Fault, o map[string]ast.Node) {
	i, _ := d.oneOf(o["services"], "services", services)
	f.Services = Services(i)
}

func (d *scenarioDecoder) faultReboot(_ *Fault, o map[string]ast.Node) {
	d.oneOf(o["reboot"], "reboot", []string{"pending"})
}

func (d *scenarioDecoder) faultReplica(_ *Fault, o map[string]ast.Node) {
	d.oneOf(o["replica"], "replica", []string{"stale"})
}

func (d *scenarioDecoder) faultDatabase(_ *Fault, o map[string]ast.Node) {
	d.oneOf(o["database"], "database", []string{"due"})
}

func (d *scenarioDecoder) faultByHand(f *Fault, o map[string]ast.Node) {
	d.paired(o["by_hand"], "by_hand")
	if i, ok := d.oneOf(o["by_hand"], "by_hand", []string{"failover", "failback"}); ok {
		f.Action = []Action{OnFailover, OnFailback}[i]
	}
}

// faultAction reads {server: S, on: ACTION, is: EFFECT, …}.
func (d *scenarioDecoder) faultAction(f *Fault, o map[string]ast.Node) {
	i, ok := d.oneOf(o["on"], "on", actions)
	if !ok {
		return
	}
	f.Action = Action(i)
	switch {
	case f.Server < 0 && o["server"] == nil && !f.Action.OnPool():
		d.errorf(o["on"], "on: %s befalls a server: say which, server: %s", f.Action, d.pool.Servers[0].Name)
	case o["server"] != nil && !f.Action.OnServer():
		d.errorf(o["server"], "on: %s is not an action of a server: leave server out", f.Action)
	case (f.Action == OnFailoverServer || f.Action == OnFailbackServer) && !d.pool.Product.FailoverServer():
		d.errorf(o["on"], "on: %s comes with Skype for Business Server 2015: %s is %s", f.Action, d.pool.Name, d.pool.Product)
	case f.Action == OnFailover || f.Action == OnFailback:
		d.paired(o["on"], "on: "+f.Action.String())
	}
	d.effect(f, o)
	if n := o["times"]; n != nil {
		f.Times, _ = d.integer(n, "times", 1, 10_000)
	}
	if n := o["landed"]; n != nil {
		f.Landed, _ = d.boolean(n, "landed")
		if f.Effect != IsUnknown {
			d.errorf(n, "landed goes with is: unknown: it says whether the work was done all the same")
		}
	}
	d.graceful(f, o["graceful"])
}

// effect reads `is` and `takes`, of which there is exactly one.
func (d *scenarioDecoder) effect(f *Fault, o map[string]ast.Node) {
	is, takes := o["is"], o["takes"]
	switch {
	case is != nil && takes != nil:
		d.errorf(takes, "takes does not go with is: write two faults, or one of them")
	case is == nil && takes == nil:
		d.errorf(o["on"], "on: %s lacks what happens: is: fail, or takes: 40m", f.Action)
	case takes != nil:
		f.Effect = IsTakes
		f.Takes, _ = d.span(takes, "takes")
	default:
		d.is(f, is)
	}
}

func (d *scenarioDecoder) is(f *Fault, n ast.Node) {
	text, ok := d.text(n, "is")
	if !ok {
		return
	}
	if factor, slow := strings.CutPrefix(text, "slow"); slow {
		f.Effect = IsSlow
		number, x := strings.CutSuffix(strings.TrimPrefix(factor, " "), "x")
		var err error
		if f.Slow, err = strconv.Atoi(number); err != nil || !x || f.Slow < 2 || f.Slow > 1000 || factor != fmt.Sprintf(" %dx", f.Slow) {
			d.errorf(n, "slow has a factor from 2x to 1000x: write is: slow 3x, not %s", quote(text))
		}
		return
	}
	i, ok := d.oneOf(n, "is", effects)
	if !ok {
		return
	}
	f.Effect = Effect(i)
	if on := effectOn[f.Effect]; on != nil && !slices.Contains(on, f.Action) {
		words := make([]string, len(on))
		for i, a := range on {
			words[i] = a.String()
		}
		d.errorf(n, "is: %s does not befall %s, only %s", f.Effect, f.Action, strings.Join(words, ", "))
	}
}

// effectOn names the actions that an effect can befall; an effect that is not
// here can befall every one.
var effectOn = map[Effect][]Action{
	IsShort:    {OnUpgrade},
	IsRestarts: {OnUpgrade},
	IsReboot:   {OnUpgrade},
	IsStarting: {OnStart, OnRestart, OnFailbackServer},
	IsDenied:   {OnStart, OnRestart, OnFailbackServer},
	IsDisabled: {OnRestart},
}

// graceful settles which of the two ways of stopping is meant. A drain that
// hangs or takes long is a matter of calls that do not end, so by itself it
// leaves the plain stop alone; a stop that fails or whose connection breaks
// does so either way.
func (d *scenarioDecoder) graceful(f *Fault, n ast.Node) {
	if f.Action != OnStop {
		if n != nil {
			d.errorf(n, "graceful goes with on: stop")
		}
		return
	}
	f.Drain = true
	f.Hard = f.Effect == IsFail || f.Effect == IsUnknown
	if n == nil {
		return
	}
	if drain, ok := d.boolean(n, "graceful"); ok {
		f.Drain, f.Hard = drain, !drain
	}
}
