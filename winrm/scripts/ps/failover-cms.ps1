# Moves a Central Management store that is up to the backup pool. A job; run on a server of the backup pool.
# args: sqlServer, sqlInstance (of the backup, both '' where the topology knows them)
# out:  done
param($a)
# include: lib-cs
$null = Import-LrunModule
$options = @{ Confirm = $false; Verbose = $true }
if ([string]$a.sqlServer) {
    $options.BackupSqlServerFqdn = [string]$a.sqlServer
}
if ([string]$a.sqlInstance) {
    $options.BackupSqlInstanceName = [string]$a.sqlInstance
}
Invoke-CsManagementServerFailover @options
@{ done = $true }
