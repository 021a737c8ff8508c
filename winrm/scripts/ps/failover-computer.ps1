# Takes one front end out of service: users move, conferences drain, services stop and are disabled. A job.
# args: computer (the same text must be given to failback-computer), waitSeconds, drainSeconds (0 = not given)
# out:  done
param($a)
# include: lib-cs
$null = Import-LrunModule
$options = @{ ComputerName = [string]$a.computer; Confirm = $false; Verbose = $true }
if ([int]$a.waitSeconds -gt 0) {
    $options.WaitTime = [TimeSpan]::FromSeconds([int]$a.waitSeconds)
}
if ([int]$a.drainSeconds -gt 0) {
    $options.DrainingTimeout = [TimeSpan]::FromSeconds([int]$a.drainSeconds)
}
Invoke-CsComputerFailOver @options
@{ done = $true }
