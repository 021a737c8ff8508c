# Which SQL server is principal for each database of a pool. The primary carries a vote in the pool's quorum.
# args: pool
# out:  databases (name, primary, mirror, statusPrimary, statusMirror)
param($a)
# include: lib-cs
$null = Import-LrunModule
$databases = @()
foreach ($row in @(Get-CsDatabaseMirrorState -PoolFqdn ([string]$a.pool))) {
    if ($null -ne $row) {
        $databases += @{
            name          = Get-LrunText $row @('DatabaseName')
            primary       = Get-LrunText $row @('StateOnPrimary')
            mirror        = Get-LrunText $row @('StateOnMirror')
            statusPrimary = Get-LrunText $row @('MirroringStatusOnPrimary')
            statusMirror  = Get-LrunText $row @('MirroringStatusOnSecondary', 'MirroringStatusOnMirror')
        }
    }
}
@{ databases = $databases }
