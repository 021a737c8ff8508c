# Moves a Central Management store that is up to the backup pool. A job; run on a server of the backup pool.
# args: sqlServer, sqlInstance (of the backup, both '' where the topology knows them)
# out:  done, errors (what the cmdlet could not do and went on)
param($a)
# include: lib-cs
$null = Import-LrunModule

# An error that does not end the cmdlet must not end it half way. What came of it shows in the state.
$problems = @()
$options = @{ Confirm = $false; Verbose = $true; ErrorAction = 'Continue'; ErrorVariable = 'problems' }
if ([string]$a.sqlServer) {
    $options.BackupSqlServerFqdn = [string]$a.sqlServer
}
if ([string]$a.sqlInstance) {
    $options.BackupSqlInstanceName = [string]$a.sqlInstance
}
$null = Invoke-CsManagementServerFailover @options
$errors = @(ConvertTo-LrunProblems $problems)
foreach ($text in $errors) {
    Write-Warning $text
}
@{ done = $true; errors = $errors }
