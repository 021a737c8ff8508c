# Brings a pool back from its backup pool. A job.
# args: pool, waitSeconds (0 = the cmdlet's default)
# out:  done, errors (what the cmdlet could not do and went on)
param($a)
# include: lib-cs
$null = Import-LrunModule

# An error that does not end the cmdlet must not end it half way. What came of it shows in the state.
$problems = @()
$options = @{ PoolFqdn = [string]$a.pool; Confirm = $false; Verbose = $true; ErrorAction = 'Continue'; ErrorVariable = 'problems' }
if ([int]$a.waitSeconds -gt 0) {
    $options.WaitTime = [TimeSpan]::FromSeconds([int]$a.waitSeconds)
}
$null = Invoke-CsPoolFailBack @options
$errors = @(ConvertTo-LrunProblems $problems)
foreach ($text in $errors) {
    Write-Warning $text
}
@{ done = $true; errors = $errors }
