# Takes one front end out of service: users move, conferences drain, services stop and are disabled. A job.
# args: computer (the same text must be given to failback-computer), waitSeconds, drainSeconds (0 = not given)
# out:  done, errors (what the cmdlet could not do and went on)
param($a)
# include: lib-cs
$null = Import-LrunModule

# An error that does not end the cmdlet must not end it half way. What came of it shows in the state.
$problems = @()
$options = @{ ComputerName = [string]$a.computer; Confirm = $false; Verbose = $true; ErrorAction = 'Continue'; ErrorVariable = 'problems' }
if ([int]$a.waitSeconds -gt 0) {
    $options.WaitTime = [TimeSpan]::FromSeconds([int]$a.waitSeconds)
}
if ([int]$a.drainSeconds -gt 0) {
    $options.DrainingTimeout = [TimeSpan]::FromSeconds([int]$a.drainSeconds)
}
$null = Invoke-CsComputerFailOver @options
$errors = @(ConvertTo-LrunProblems $problems)
foreach ($text in $errors) {
    Write-Warning $text
}
@{ done = $true; errors = $errors }
