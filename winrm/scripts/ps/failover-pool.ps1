# Fails a pool over to its backup pool. A job; run on a front end of the backup pool.
# args: pool, disaster (bool) the pool is down: data not copied yet is lost; waitSeconds (0 = the cmdlet's default)
# out:  done
param($a)
# include: lib-cs
$null = Import-LrunModule
$options = @{ PoolFqdn = [string]$a.pool; Confirm = $false; Verbose = $true }
if ($a.disaster -eq $true) {
    $options.DisasterMode = $true
}
if ([int]$a.waitSeconds -gt 0) {
    $options.WaitTime = [TimeSpan]::FromSeconds([int]$a.waitSeconds)
}
Invoke-CsPoolFailOver @options
@{ done = $true }
