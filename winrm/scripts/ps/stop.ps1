# Asks services to stop and returns at once; the survey shows when they have.
# args: graceful (bool) lets calls and conferences end; names (list) only these services, all where empty;
#       run (what the jobs of this run begin with): refused while a job of another run is going
# out:  asked, errors (what could not be asked of single services; the others were asked)
param($a)
# include: lib-cs
# include: lib-job
Assert-LrunAlone $a.run ''
$null = Import-LrunModule

# One service that refuses must not keep the cmdlet from the others, and is told beside them.
$problems = @()
$errors = @()
$options = @{ NoWait = $true; Confirm = $false; ErrorAction = 'Continue'; ErrorVariable = 'problems' }
if ($a.graceful) {
    $options.Graceful = $true
}
$names = @($a.names | Where-Object { $_ })
if ($names.Count -eq 0) {
    $null = Stop-CsWindowsService @options
    $errors += @(ConvertTo-LrunProblems $problems)
}
foreach ($name in $names) {
    if ([string]$name -eq 'W3SVC') {
        # The web server is Windows' own, and is asked through Windows.
        $web = Get-Service -Name 'W3SVC'
        if ($web.Status.ToString() -ne 'Stopped' -and $web.Status.ToString() -ne 'StopPending') {
            $web.Stop()
        }
        continue
    }
    $null = Stop-CsWindowsService @options -Name ([string]$name)
    $errors += @(ConvertTo-LrunProblems $problems)
}
@{ asked = $true; errors = $errors }
