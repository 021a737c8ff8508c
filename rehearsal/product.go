package rehearsal

import "github.com/lrun/lrun/pool"

// product is what differs between the products from outside.
type product struct {
	name      string // of the components
	module    string
	base      string // what Get-CsServerVersion says, whatever is installed
	before    string // version of the components before the night, where the scenario names none
	after     string // what the installer brings, where the caller names nothing
	readiness string // the readiness cmdlet
	patch     bool   // it has Get-CsServerPatchVersion
	csv       string // source of the versions, as the survey calls it
}

var products = map[pool.Product]product{
	pool.Lync2013: {
		name: "Microsoft Lync Server 2013", module: "Lync", base: "5.0.8308.0", before: "5.0.8308.887", after: "5.0.8308.1149",
		readiness: "Get-CsPoolUpgradeReadinessState", csv: "registry",
	},
	pool.SfB2015: {
		name: "Skype for Business Server 2015", module: "SkypeForBusiness", base: "6.0.9319.0", before: "6.0.9319.534",
		after: "6.0.9319.619", readiness: "Get-CsPoolUpgradeReadinessState", patch: true, csv: "Get-CsServerPatchVersion",
	},
	pool.SfB2019: {
		name: "Skype for Business Server 2019", module: "SkypeForBusiness", base: "7.0.2046.0", before: "7.0.2046.252",
		after: "7.0.2046.530", readiness: "Get-CsUpgradeDomainInfo", patch: true, csv: "Get-CsServerPatchVersion",
	},
	pool.SfBSE: {
		name: "Skype for Business Server 2019", module: "SkypeForBusiness", base: "7.0.2046.0", before: "7.0.2046.252",
		after: "7.0.2046.530", readiness: "Get-CsUpgradeDomainInfo", patch: true, csv: "Get-CsServerPatchVersion",
	},
}

// components are the parts that an update touches, each with a version of its own.
var components = []string{"Core Components", "Front End Server", "Web Components Server"}

// DefaultBuild is the version that the modelled installer brings unless [Options.Build] says otherwise.
func DefaultBuild(p pool.Product) string { return products[p].after }
