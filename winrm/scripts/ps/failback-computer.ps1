# Puts one front end back into service: services are enabled and started. A job.
# args: computer, waitSeconds (0 = not given)
# out:  done
param($a)
# include: lib-cs
$null = Import-LrunModule
$options = @{ ComputerName = [string]$a.computer; Confirm = $false; Verbose = $true }
if ([int]$a.waitSeconds -gt 0) {
    $options.WaitTime = [TimeSpan]::FromSeconds([int]$a.waitSeconds)
}
Invoke-CsComputerFailBack @options
@{ done = $true }
