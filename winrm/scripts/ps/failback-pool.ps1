# Brings a pool back from its backup pool. A job.
# args: pool, waitSeconds (0 = the cmdlet's default)
# out:  done
param($a)
# include: lib-cs
$null = Import-LrunModule
$options = @{ PoolFqdn = [string]$a.pool; Confirm = $false; Verbose = $true }
if ([int]$a.waitSeconds -gt 0) {
    $options.WaitTime = [TimeSpan]::FromSeconds([int]$a.waitSeconds)
}
Invoke-CsPoolFailBack @options
@{ done = $true }
