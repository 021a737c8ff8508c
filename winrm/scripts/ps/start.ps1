# Asks services to start and returns at once; the survey shows when they run. No error where they run already.
# args: names (list) only these services, all where empty; run as of stop
# out:  asked
param($a)
# include: lib-cs
# include: lib-job
Assert-LrunAlone $a.run ''
$null = Import-LrunModule
$options = @{ NoWait = $true }
$names = @($a.names | Where-Object { $_ })
if ($names.Count -eq 0) {
    $null = Start-CsWindowsService @options
}
foreach ($name in $names) {
    $null = Start-CsWindowsService @options -Name ([string]$name)
}
@{ asked = $true }
