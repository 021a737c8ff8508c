# Whether a pool is failed over: the state in its own Registrar configuration. Reads only.
# args: pool
# out:  state (Active, FailingOver, FailedOver, FailedBack ...), text
param($a)
# include: lib-cs
# include: lib-registrar
$null = Import-LrunModule
Get-LrunRegistrar $a.pool
