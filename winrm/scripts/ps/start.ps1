# Asks services to start and returns at once; the survey shows when they run. No error where they run already.
# args: names (list) only these services, all where empty; run as of stop
# out:  asked, errors as of stop
param($a)
# include: lib-cs
# include: lib-job
Assert-LrunAlone $a.run ''
$null = Import-LrunModule
$problems = @()
$errors = @()
$options = @{ NoWait = $true; ErrorAction = 'Continue'; ErrorVariable = 'problems' }
$names = @($a.names | Where-Object { $_ })
if ($names.Count -eq 0) {
    $null = Start-CsWindowsService @options
    $errors += @(ConvertTo-LrunProblems $problems)
}
foreach ($name in $names) {
    if ([string]$name -eq 'W3SVC') {
        $web = Get-Service -Name 'W3SVC'
        if ($web.Status.ToString() -eq 'Stopped') {
            $web.Start()
        }
        continue
    }
    $null = Start-CsWindowsService @options -Name ([string]$name)
    $errors += @(ConvertTo-LrunProblems $problems)
}
@{ asked = $true; errors = $errors }
