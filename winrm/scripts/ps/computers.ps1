# The servers of a pool in the topology's order, the first of which count for its quorum. Reads only.
# args: pool, localStore (bool) reads this server's own copy of the topology
# out:  computers (list of FQDN)
param($a)
# include: lib-cs
$null = Import-LrunModule
$options = @{ Pool = [string]$a.pool }
if ($a.localStore) {
    $options.LocalStore = $true
}
$computers = @()
foreach ($computer in @(Get-CsComputer @options)) {
    if ($null -ne $computer) {
        $computers += Get-LrunText $computer @('Fqdn', 'Identity')
    }
}
@{ computers = $computers }
