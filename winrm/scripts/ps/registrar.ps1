# Whether a pool is failed over: the state in its own Registrar configuration. Reads only.
# args: pool
# out:  state (Active, FailingOver, FailedOver, FailedBack ...), text
param($a)
# include: lib-cs
$null = Import-LrunModule
$objects = @(Get-CsRegistrarConfiguration -Identity ('service:Registrar:' + [string]$a.pool))
if ($objects.Count -ne 1) {
    throw ('Get-CsRegistrarConfiguration returned ' + $objects.Count + ' objects')
}
@{
    state = Get-LrunText $objects[0] @('PoolState')
    text  = Get-LrunView $objects[0]
}
