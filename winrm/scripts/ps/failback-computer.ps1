# Puts one front end back into service: services are enabled and started. A job.
# args: computer, waitSeconds (0 = not given)
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
$null = Invoke-CsComputerFailBack @options
$errors = @(ConvertTo-LrunProblems $problems)
foreach ($text in $errors) {
    Write-Warning $text
}
@{ done = $true; errors = $errors }
