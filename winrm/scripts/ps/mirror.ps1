# Which SQL server is principal for each database of a pool. The primary carries a vote in the pool's quorum.
# args: pool
# out:  databases (name, primary, mirror, statusPrimary, statusMirror), mirroring (bool) the product knows mirrors;
#       where no mirror is seen: stores (name, online: True or False) the user databases, storesError
param($a)
# include: lib-cs
# include: lib-mirror
$null = Import-LrunModule
Get-LrunMirror $a.pool
