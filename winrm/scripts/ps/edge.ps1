# The next hop of every Edge pool. A pool that is one cannot be failed over. Reads only.
# args: none
# out:  edges (pool, nextHop)
param($a)
# include: lib-cs
$null = Import-LrunModule
$edges = @()
foreach ($edge in @(Get-CsService -EdgeServer)) {
    if ($null -ne $edge) {
        $edges += @{
            pool    = Get-LrunText $edge @('PoolFqdn', 'Identity')
            nextHop = (Get-LrunText $edge @('Registrar', 'NextHop', 'NextHopRegistrar')) -replace '^Registrar:', ''
        }
    }
}
@{ edges = $edges }
