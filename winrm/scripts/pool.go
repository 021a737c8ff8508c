package scripts

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// PoolArgs names a pool.
type PoolArgs struct {
	Pool string `json:"pool"`
}

// RegistrarResult is the live state of a pool.
type RegistrarResult struct {
	State string `json:"state"` // Active, FailingOver, FailedOver, FailedBack
	Text  string `json:"text"`
}

func (r *RegistrarResult) check() error {
	if r.State == "" {
		return errors.New("a pool without its state")
	}
	return nil
}

// FailedOver reads State. known is false for what is in between and for words that are not documented.
func (r RegistrarResult) FailedOver() (over, known bool) {
	switch strings.ToLower(r.State) {
	case "failedover":
		return true, true
	case "active", "failedback":
		return false, true
	}
	return false, false
}

// BackupResult is the pairing of a pool and the backup service in one direction.
type BackupResult struct {
	BackupPool string         `json:"backupPool"` // "" where the pool is not paired, or where no property told
	Relation   string         `json:"relation"`
	Modules    []BackupModule `json:"modules"`
	Status     string         `json:"status"`
}

// BackupModule is one part of the backup service. Where the properties were not found, Text alone is set, mostly as
// "UserServices.PresenceFocus:[SteadyState,NormalState]".
type BackupModule struct {
	Name   string `json:"name"`
	Export string `json:"export"`
	Import string `json:"import"`
	Text   string `json:"text"`
}

// States gives name, export and import state, from the properties or from the text.
func (m BackupModule) States() (name, export, imported string, ok bool) {
	if m.Name != "" && m.Export != "" && m.Import != "" {
		return m.Name, m.Export, m.Import, true
	}
	name, rest, found := strings.Cut(m.Text, ":[")
	inner, closed := strings.CutSuffix(strings.TrimSpace(rest), "]")
	export, imported, two := strings.Cut(inner, ",")
	if !found || !closed || !two {
		return "", "", "", false
	}
	return strings.TrimSpace(name), strings.TrimSpace(export), strings.TrimSpace(imported), true
}

// Steady reports that a failover would lose nothing: every module exports without a backlog and imports normally.
// The CMS module is not initialised on a pool that is not the CMS master. The error names what is not so; a module
// that is not understood is one, and so is a list without modules.
func (r *BackupResult) Steady() error {
	if len(r.Modules) == 0 {
		return errors.New("the backup service names no modules")
	}
	for _, m := range r.Modules {
		name, export, imported, ok := m.States()
		if !ok {
			return fmt.Errorf("a backup module that is not understood: %s", printable(m.Text))
		}
		idle := strings.EqualFold(export, "NotInitialized") && strings.HasPrefix(strings.ToLower(name), "centralmgmt")
		if !idle && !strings.EqualFold(export, "SteadyState") && !strings.EqualFold(export, "FinalState") {
			return fmt.Errorf("backup module %s exports in %s", printable(name), printable(export))
		}
		if !strings.EqualFold(imported, "NormalState") {
			return fmt.Errorf("backup module %s imports in %s", printable(name), printable(imported))
		}
	}
	return nil
}

// CMSArgs asks for the Central Management store.
type CMSArgs struct {
	Replicas bool `json:"replicas"`
}

// CMSResult is where the Central Management store is.
type CMSResult struct {
	Master   string    `json:"master"` // "" = the store is not available
	Agents   []string  `json:"agents"`
	Stores   []Store   `json:"stores"`
	Replicas []Replica `json:"replicas"`
	Text     string    `json:"text"`
}

// Store is a pool that carries a Central Management store.
type Store struct {
	Pool   string `json:"pool"`
	Active string `json:"active"` // True or False
}

// Replica is a server's copy of the configuration.
type Replica struct {
	FQDN     string `json:"fqdn"`
	UpToDate string `json:"upToDate"` // True or False
}

// ActivePool is the one pool that carries the active store. None, or two (seen after a failover between Standard
// Edition pools), is an error.
func (r *CMSResult) ActivePool() (string, error) {
	var active []string
	for _, s := range r.Stores {
		if strings.EqualFold(s.Active, "True") && s.Pool != "" {
			active = append(active, s.Pool)
		}
	}
	if r.Master == "" {
		return "", errors.New("the Central Management store has no active master")
	}
	if len(active) != 1 {
		return "", fmt.Errorf("%d pools carry an active Central Management store", len(active))
	}
	return active[0], nil
}

// EdgeResult lists the Edge pools.
type EdgeResult struct {
	Edges []EdgePool `json:"edges"`
}

// EdgePool is an Edge pool with the pool it hands traffic to.
type EdgePool struct {
	Pool    string `json:"pool"`
	NextHop string `json:"nextHop"` // "" = not told
}

// NextHopOf lists the Edge pools whose next hop is the pool. A next hop that is not told is an error.
func (r *EdgeResult) NextHopOf(pool string) ([]string, error) {
	var list []string
	for _, e := range r.Edges {
		if e.NextHop == "" {
			return nil, fmt.Errorf("the next hop of Edge pool %s is not told", printable(e.Pool))
		}
		if strings.EqualFold(e.NextHop, pool) {
			list = append(list, e.Pool)
		}
	}
	return list, nil
}

// MirrorResult lists the databases of a pool.
type MirrorResult struct {
	Databases   []Database  `json:"databases"`
	Mirroring   bool        `json:"mirroring"` // the product has a cmdlet about mirrors
	Stores      []UserStore `json:"stores"`    // asked for where no mirror is seen
	StoresError string      `json:"storesError"`
}

// Database is one database with its mirroring state.
type Database struct {
	Name          string `json:"name"`
	Primary       string `json:"primary"` // Principal, Mirror ...
	Mirror        string `json:"mirror"`
	StatusPrimary string `json:"statusPrimary"`
	StatusMirror  string `json:"statusMirror"`
}

// NoMirror is what a database says on both sides where it has no mirror, and also where it is lost.
const NoMirror = "DatabaseInaccessibleOrMirroringNotEnabled"

// UserStore is a user database of a pool with the answer of the cmdlet that connects to it.
type UserStore struct {
	Name   string `json:"name"`
	Online string `json:"online"` // True or False
}

// userStore reports whether a database belongs to the user store, which carries the vote. What calls are recorded in, say,
// does not, and is often without a mirror.
func (d Database) userStore() bool {
	switch strings.ToLower(d.Name) {
	case "rtcxds", "rtcshared", "rtcab":
		return true
	}
	return false
}

// PrimaryIsPrincipal reports that the primary's vote in the pool's quorum counts: every database of the user store was seen
// as principal on the primary server, or has no mirror and is online. Nothing seen, or any other state, does not say so.
func (r *MirrorResult) PrimaryIsPrincipal() bool {
	principals, alone := 0, 0
	for _, d := range r.Databases {
		switch {
		case !d.userStore():
		case strings.EqualFold(d.Primary, "Principal"):
			principals++
		case strings.EqualFold(d.Primary, NoMirror) && strings.EqualFold(d.Mirror, NoMirror):
			alone++
		default:
			return false
		}
	}
	switch {
	case principals > 0 && alone == 0:
		return true
	case principals > 0, alone == 0 && r.Mirroring:
		return false
	}
	for _, s := range r.Stores {
		if !strings.EqualFold(s.Online, "True") {
			return false
		}
	}
	return len(r.Stores) > 0
}

// PoolFactsResult is what Registrar and Mirror tell of one pool.
type PoolFactsResult struct {
	Registrar Part `json:"registrar"` // RegistrarResult
	Mirror    Part `json:"mirror"`    // MirrorResult
}

// Part is what a script tells that could as well have been asked for alone. It is decoded for itself, so that neither an error
// nor rubbish hides what the other parts tell.
type Part struct {
	Told  json.RawMessage `json:"told"`  // null where it failed
	Error string          `json:"error"` // why; "" where it did not
}

// Into decodes the part, and fails as [Result.Into] does where it had been asked for alone.
func (p Part) Into(v any) error {
	switch {
	case p.Error != "":
		return &ScriptError{Msg: p.Error}
	case len(p.Told) == 0, string(p.Told) == "null":
		return fmt.Errorf("%w: neither an answer nor why there is none", ErrNoResult)
	}
	return Result{OK: true, Out: []json.RawMessage{p.Told}}.Into(v)
}

// PartOf makes a part of what a script of its own would have returned, for simulated servers.
func PartOf(out any, failure *ScriptError) (Part, error) {
	if failure != nil {
		return Part{Error: failure.Msg}, nil
	}
	raw, err := json.Marshal(out)
	return Part{Told: raw}, err
}

// ComputersArgs asks for the servers of a pool.
type ComputersArgs struct {
	Pool       string `json:"pool"`
	LocalStore bool   `json:"localStore"` // the server's own copy of the topology: no second hop
}

// ComputersResult lists them in the topology's order.
type ComputersResult struct {
	Computers []string `json:"computers"`
}

func (r *ComputersResult) check() error {
	if len(r.Computers) == 0 {
		return errors.New("a pool without servers")
	}
	return nil
}
