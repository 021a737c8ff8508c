# The readiness of the pool that this front end belongs to. Reads only; on 2015 and later the cmdlet may wait until
# replicas have been built.
# args: none
# out:  cmdlet, state, total, active, domains (name, ready, frontEnds), text
param($a)
# include: lib-cs

# 2019 has replaced the first cmdlet by the second; both return the same type of object.
function Get-LrunReadiness {
    $null = Import-LrunModule
    foreach ($name in 'Get-CsUpgradeDomainInfo', 'Get-CsPoolUpgradeReadinessState') {
        if (Get-Command -Name $name -ErrorAction SilentlyContinue) {
            return @{ cmdlet = $name; objects = @(& $name) }
        }
    }
    throw 'this server has neither Get-CsPoolUpgradeReadinessState nor Get-CsUpgradeDomainInfo'
}

# The names of the properties are not documented and differ between pages, so that each is looked for under all
# names that have been seen. One that is not found stays empty, and is never taken for readiness.
$stateNames = 'PoolUpgradeState', 'UpgradeState', 'State', 'UpgradeReadinessState'
$readyNames = 'IsReadyForUpgrade', 'ReadyForUpgrade', 'IsReady'
$domainNames = 'UpgradeDomains', 'UpgradeDomain', 'UpgradeDomainInfo'
$nameNames = 'UpgradeDomainName', 'Name', 'UpgradeDomain'
$serverNames = 'FrontEnds', 'FrontEndServers', 'Servers', 'Machines', 'Computers'
$totalNames = 'TotalFrontEnds', 'TotalFrontEndServers', 'NumberOfFrontEnds'
$activeNames = 'TotalActiveFrontEnds', 'ActiveFrontEnds', 'TotalActiveFrontEndServers', 'NumberOfActiveFrontEnds'

function Get-LrunServerName($server) {
    $fqdn = Get-LrunText $server @('Fqdn', 'ComputerFqdn', 'MachineFqdn', 'ComputerName')
    if ($fqdn) {
        return $fqdn
    }
    return ConvertTo-LrunText $server
}

$read = Get-LrunReadiness
if ($read.objects.Count -ne 1) {
    throw ($read.cmdlet + ' returned ' + $read.objects.Count + ' objects')
}
$pool = $read.objects[0]

$domains = @()
$list = Find-LrunProperty $pool $domainNames
if ($null -ne $list) {
    foreach ($domain in @($list.Value)) {
        if ($null -eq $domain) {
            continue
        }
        $servers = @()
        $members = Find-LrunProperty $domain $serverNames
        if ($null -ne $members) {
            foreach ($server in @($members.Value)) {
                if ($null -ne $server) {
                    $servers += Get-LrunServerName $server
                }
            }
        }
        $domains += @{
            name      = Get-LrunText $domain $nameNames
            ready     = Get-LrunText $domain $readyNames
            frontEnds = $servers
        }
    }
}

@{
    cmdlet  = $read.cmdlet
    state   = Get-LrunText $pool $stateNames
    total   = Get-LrunText $pool $totalNames
    active  = Get-LrunText $pool $activeNames
    domains = $domains
    text    = Get-LrunView $pool
}
