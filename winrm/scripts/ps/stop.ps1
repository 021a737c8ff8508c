# Asks services to stop and returns at once; the survey shows when they have.
# args: graceful (bool) lets calls and conferences end; names (list) only these services, all where empty;
#       run (what the jobs of this run begin with): refused while a job of another run is going
# out:  asked
param($a)
# include: lib-cs
# include: lib-job
Assert-LrunAlone $a.run ''
$null = Import-LrunModule
$options = @{ NoWait = $true; Confirm = $false }
if ($a.graceful) {
    $options.Graceful = $true
}
$names = @($a.names | Where-Object { $_ })
if ($names.Count -eq 0) {
    $null = Stop-CsWindowsService @options
}
foreach ($name in $names) {
    $null = Stop-CsWindowsService @options -Name ([string]$name)
}
@{ asked = $true }
